import { buffer } from 'node:stream/consumers'
import type { ClickHouseClient } from '@clickhouse/client'
import { type Result, fail, ok } from '@vouch/proto/kernel/fault.ts'
import { type RowBinary, parsedRows } from './row-binary.ts'
import type { Query } from './usage-query.ts'

/** A row as JSON gives it: 64-bit integers are decimal text, smaller ones numbers. */
export type Row = Readonly<Record<string, unknown>>

/** Runs queries on a few clients, each of which runs one at a time. */
export interface Reader {
  /** All rows of a query. Faults: STORE_UNAVAILABLE, RATE_LIMITED where too many wait. */
  rows(query: Query): Promise<Result<Row[]>>
  /**
   * The same where JSON is too much, each row parsed from RowBinary; its first column is how many rows there are, `count() OVER ()`, so that an
   * answer that was cut is found. Faults: as above.
   */
  binary<T>(query: Query, parse: (row: RowBinary) => T): Promise<Result<T[]>>
  /** Runs a statement that answers with nothing. Faults: as above. */
  run(statement: Query): Promise<Result<void>>
  close(): Promise<void>
}

const WAITING_MAX = 1000

/** A reader over `concurrency` clients of the factory; `database` holds the versioned views. */
export function createReader(
  connect: () => ClickHouseClient | Promise<ClickHouseClient>,
  database: string,
  concurrency: number,
): Reader {
  const clients = new Set<ClickHouseClient>()
  const waiting: (() => void)[] = []
  const idle: ClickHouseClient[] = []
  let running = 0
  const withClient = async <T>(work: (client: ClickHouseClient) => Promise<T>): Promise<Result<T>> => {
    let client = idle.pop()
    try {
      client ??= await connect()
      clients.add(client)
      return ok(await work(client))
    } catch (error) {
      return storeFault(error)
    } finally {
      if (client !== undefined) idle.push(client)
    }
  }
  const inTurn = async <T>(work: (client: ClickHouseClient) => Promise<T>): Promise<Result<T>> => {
    if (waiting.length >= WAITING_MAX)
      return fail('RATE_LIMITED', `more than ${WAITING_MAX} queries wait; ask again later`)
    if (running >= concurrency) await new Promise<void>((resolve) => waiting.push(resolve))
    else running += 1
    try {
      return await withClient(work)
    } finally {
      // A waiting query takes over this one's place, so `running` stays as it is.
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
  const asked = ({ sql, params }: Query) => ({ query: sql, query_params: { ...params, database } })
  return {
    rows: (query) =>
      inTurn(async (client) => (await client.query({ ...asked(query), format: 'JSONEachRow' })).json<Row>()),
    binary: (query, parse) =>
      inTurn(async (client) => {
        const { sql, params } = query
        const { stream } = await client.exec(asked({ sql: `${sql} FORMAT RowBinary`, params }))
        return parsedRows(await buffer(stream), parse)
      }),
    run: (statement) => inTurn(async (client) => void (await client.command(asked(statement)))),
    close: async () => void (await Promise.all([...clients].map((client) => client.close()))),
  }
}

/** Translates whatever the client throws; the text of the engine helps the operator, not a caller. */
function storeFault(error: unknown): Result<never> {
  const message = error instanceof Error ? error.message.split('\n', 1)[0] : String(error)
  return fail('STORE_UNAVAILABLE', `ClickHouse does not answer the query: ${message}`)
}

/** A column that holds text. Throws where the store answers something else. */
export function textOf(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw new Error(`column ${column} is not text`)
  return value
}

/** A column that holds a 64-bit integer. */
export function bigintOf(row: Row, column: string): bigint {
  return BigInt(textOf(row, column))
}

/** A column that holds milliseconds since 1970, or a small integer. Throws where a double does not hold it exactly. */
export function integerOf(row: Row, column: string): number {
  const value = row[column]
  const number = typeof value === 'number' ? value : Number.parseInt(textOf(row, column), 10)
  if (!Number.isSafeInteger(number)) throw new Error(`column ${column} is not a safe integer`)
  return number
}
