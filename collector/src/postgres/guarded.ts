import { FaultError, fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Failure, Result } from '@vouch/proto/kernel/fault.ts'
import type { Pool, PoolClient } from 'pg'
import { databaseFault } from './fault.ts'

/** Does work in a transaction; what it throws undoes it. */
export async function transaction<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
): Promise<Result<T>> {
  let client: PoolClient | undefined
  try {
    client = await pool.connect()
    await client.query('BEGIN')
    const value = await work(client)
    await client.query('COMMIT')
    return ok(value)
  } catch (error) {
    await client?.query('ROLLBACK').catch(() => undefined)
    return translated(error)
  } finally {
    client?.release()
  }
}

/** Does work whose failures become faults; a defect of ours is thrown on. */
export async function guarded<T>(work: () => Promise<T>): Promise<Result<T>> {
  try {
    return ok(await work())
  } catch (error) {
    return translated(error)
  }
}

function translated(error: unknown): Failure {
  if (!(error instanceof FaultError)) return databaseFault(error)
  return fail(error.fault.code, error.fault.message, error.fault)
}
