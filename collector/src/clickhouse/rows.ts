import type { ClickHouseClient } from '@clickhouse/client'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { storeFault } from './fault.ts'

/** Values for the `{name:Type}` places of a query. */
export type Params = Readonly<Record<string, string | number | readonly string[] | readonly bigint[]>>

/** Reads and writes with one client, one query at a time. Both throw a FaultError: STORE_…, DISK_FULL. */
export interface Queries {
  /** All rows; 64-bit integers come as texts. */
  rows<T>(sql: string, params?: Params): Promise<T[]>
  command(sql: string, params?: Params): Promise<void>
}

/** Queries on a client. Calls wait for each other, as a client of the embedded engine runs one at a time. */
export function createQueries(client: ClickHouseClient): Queries {
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work).catch((error: unknown) => unwrap<T>(storeFault(error)))
    last = turn.catch(() => undefined)
    return turn
  }
  return {
    rows: (sql, params = {}) =>
      inTurn(async () => {
        const query = `${sql} SETTINGS output_format_json_quote_64bit_integers = 1`
        const result = await client.query({ query, query_params: { ...params }, format: 'JSONEachRow' })
        return result.json()
      }),
    command: (query, params = {}) =>
      inTurn(async () => {
        await client.command({ query, query_params: { ...params } })
      }),
  }
}
