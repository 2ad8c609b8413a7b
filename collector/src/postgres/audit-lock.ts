import { FaultError } from '@vouch/proto/kernel/fault.ts'
import type { Pool, PoolClient } from 'pg'
import { databaseFault } from './fault.ts'

/** Any number, the same in every collector: of several, one closes days. */
const LOCK = 7_061_002

/**
 * Does work that only one collector of a database does at a time. Undefined where another one is at it.
 * The lock ends with the connection, so a collector that dies leaves none. Throws a FaultError: STORE_….
 */
export async function withAuditLock<T>(pool: Pool, work: () => Promise<T>): Promise<T | undefined> {
  let client: PoolClient | undefined
  let locked = false
  try {
    client = await pool.connect()
    const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [
      LOCK,
    ])
    locked = rows[0]?.locked === true
    return locked ? await work() : undefined
  } catch (error) {
    throw error instanceof FaultError ? error : new FaultError(databaseFault(error).fault)
  } finally {
    if (locked) await client?.query('SELECT pg_advisory_unlock($1)', [LOCK]).catch(() => undefined)
    client?.release()
  }
}
