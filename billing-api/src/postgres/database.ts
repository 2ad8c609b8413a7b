import pg from 'pg'
import type { Logger } from '../ports.ts'
import { translated } from './faults.ts'

/** One row as the driver gives it: int8 and numeric as text, timestamptz as Date, bytea as Buffer. */
export type Row = Readonly<Record<string, unknown>>

/** Runs statements inside one transaction or on one connection. */
export interface Sql {
  /** All rows of one statement. Throws FaultErrors for what is expected to go wrong. */
  rows<R>(text: string, values?: readonly unknown[]): Promise<R[]>
}

/** The pool. */
export interface Database extends Sql {
  /** Runs `work` in a transaction: committed when it resolves, rolled back when it throws. */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** Bounds of the pool. */
export interface DatabaseOptions {
  readonly url: string
  /** At least 2: some are kept for single statements. */
  readonly connectionsMax: number
  readonly logger: Logger
}

const CONNECT_TIMEOUT_MS = 10_000
const STATEMENT_TIMEOUT_MS = 60_000
const LOCK_TIMEOUT_MS = 30_000
/** One connection in so many serves single statements. */
const STATEMENTS_SHARE = 4

/**
 * Opens the pools; connections are made on demand. Single statements have connections of their own: a
 * transaction may wait for rating, and while many do, callers still authenticate, read, and see readiness.
 */
export function openDatabase({ url, connectionsMax, logger }: DatabaseOptions): Database {
  const singles = Math.ceil(connectionsMax / STATEMENTS_SHARE)
  const statements = openPool(url, singles, logger)
  const transactions = openPool(url, connectionsMax - singles, logger)
  return {
    rows: (text, values) => run(statements, text, values),
    transaction: (work) => transaction(transactions, work),
    close: async () => void (await Promise.all([statements.end(), transactions.end()])),
  }
}

function openPool(url: string, max: number, logger: Logger): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    application_name: 'vouch-billing',
  })
  // Without listeners a connection that breaks would end the process. An idle one is replaced at the next use;
  // one in a transaction is found broken by its next statement.
  pool.on('connect', (client) => client.on('error', () => undefined))
  pool.on('error', (error) => logger.warn({ error: error.message }, 'an idle database connection broke'))
  return pool
}

/** Runs `work` so that its failure undoes only itself, not the transaction around it. */
export async function savepoint<T>(sql: Sql, work: () => Promise<T>): Promise<T> {
  await sql.rows('SAVEPOINT part')
  try {
    const value = await work()
    await sql.rows('RELEASE SAVEPOINT part')
    return value
  } catch (error) {
    await sql.rows('ROLLBACK TO SAVEPOINT part')
    throw error
  }
}

async function transaction<T>(pool: pg.Pool, work: (sql: Sql) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw translated(error)
  })
  let broken: Error | undefined
  try {
    const sql: Sql = { rows: (text, values) => run(client, text, values) }
    await sql.rows('BEGIN')
    const value = await work(sql)
    await sql.rows('COMMIT')
    return value
  } catch (error) {
    await client.query('ROLLBACK').catch((failure: unknown) => {
      broken = failure instanceof Error ? failure : new Error(String(failure))
    })
    throw error
  } finally {
    client.release(broken)
  }
}

async function run<R>(
  target: pg.Pool | pg.PoolClient,
  text: string,
  values: readonly unknown[] = [],
): Promise<R[]> {
  try {
    const result = await target.query(text, [...values])
    return result.rows as R[]
  } catch (error) {
    throw translated(error)
  }
}
