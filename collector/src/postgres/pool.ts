import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import pg from 'pg'
import type { Logger } from '../ports.ts'
import { databaseFault } from './fault.ts'

const CONNECTIONS_MAX = 8
const TIMEOUT_MS = 10_000

/** A bounded pool whose waits are bounded too. */
export function openPool(url: string, logger: Logger): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: CONNECTIONS_MAX,
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
    statement_timeout: TIMEOUT_MS,
  })
  // A connection that breaks while it is in use tells its user, and would end the process if it told only us.
  pool.on('connect', (client) => client.on('error', () => undefined))
  pool.on('error', (error) => logger.warn({ err: error }, 'idle PostgreSQL connection lost'))
  return pool
}

/** Whether the database answers. Faults: STORE_UNAVAILABLE. */
export async function pingPool(pool: pg.Pool): Promise<Result<void>> {
  try {
    await pool.query('SELECT 1')
    return ok(undefined)
  } catch (error) {
    return databaseFault(error)
  }
}
