import type { ClickHouseClient } from '@clickhouse/client'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { storeFault } from './fault.ts'

/** One gap, as the view `gaps_v1` shows it; times are RFC 3339. */
export interface Gap {
  readonly agent: string
  readonly run: string
  readonly kind: 'lost' | 'quarantined' | 'discarded' | 'unreceived'
  readonly from: string
  readonly to: string
  /** 0 = not known, in both. */
  readonly fromSequence: string
  readonly toSequence: string
  /** 0 = not known. */
  readonly readings: string
  readonly reason: string
  readonly known: string
}

/** Which gaps are meant: those that touch [from, to), epoch milliseconds. */
export interface GapFilter {
  readonly agentId: string | undefined
  readonly fromMs: number | undefined
  readonly toMs: number | undefined
}

/** Gaps by agent and time, at most `limit`. Faults: STORE_…. */
export async function listGaps(
  client: ClickHouseClient,
  database: string,
  { agentId, fromMs, toMs }: GapFilter,
  limit: number,
): Promise<Result<readonly Gap[]>> {
  const where = [
    '1',
    ...(agentId === undefined ? [] : ['agent = unhex({agentId:String})']),
    ...(fromMs === undefined ? [] : ['to_time >= fromUnixTimestamp64Milli({fromMs:Int64})']),
    ...(toMs === undefined ? [] : ['from_time < fromUnixTimestamp64Milli({toMs:Int64})']),
  ].join(' AND ')
  const instant = (column: string): string =>
    `concat(formatDateTime(${column}, '%FT%T.'), leftPad(toString(toUnixTimestamp64Milli(${column}) % 1000), 3, '0'), 'Z')`
  try {
    const result = await client.query({
      query: `SELECT lower(hex(g.agent)) AS agent, lower(hex(g.run)) AS run, kind, ${instant('from_time')} AS \`from\`,
          ${instant('to_time')} AS \`to\`, from_sequence AS fromSequence, to_sequence AS toSequence, readings, reason,
          ${instant('g.known')} AS known
        FROM (SELECT * FROM ${database}.gaps_v1 WHERE ${where} ORDER BY agent, from_time, from_sequence, kind LIMIT {limit:UInt32}) AS g
        ORDER BY g.agent, from_time, from_sequence, kind
        SETTINGS output_format_json_quote_64bit_integers = 1`,
      query_params: { agentId, fromMs, toMs, limit },
      format: 'JSONEachRow',
    })
    return ok(await result.json<Gap>())
  } catch (error) {
    return storeFault(error)
  }
}
