import { hourStart } from '@vouch/proto/kernel/period.ts'
import { type Query, ids } from './usage-query.ts'

const HOUR_MS = 3_600_000
const SETTINGS = 'SETTINGS output_format_json_quote_64bit_integers = 1, max_query_size = 16777216'

/** Hours in which a step ends and another begins: their readings tell, not the lattice. */
function splitHours(edges: readonly number[]): number[] {
  return [...new Set(edges.filter((ms) => ms % HOUR_MS !== 0).map((ms) => hourStart(ms)))]
}

/** The edge at or before an instant; 0 = before all of them. */
function stepOf(expression: string, edges: readonly number[]): string {
  return `roundDown(toInt64(${expression}), CAST([0, ${edges.join(', ')}], 'Array(Int64)'))`
}

/**
 * The first and the last reading of each epoch in each step between edges, by the edge at which the step begins; with what lies within
 * `aroundMs` before the first edge (0) and after the last one.
 */
export function extremesQuery(streams: readonly string[], edges: readonly number[], aroundMs: number): Query {
  const list = ids(streams)
  const [from, to] = [Math.max(0, edges[0]! - aroundMs), edges.at(-1)! + aroundMs]
  const split = splitHours(edges)
  const hours =
    'SELECT stream, epoch, toUnixTimestamp(hour) * 1000 AS at, toUnixTimestamp64Milli(first_time) AS first, ' +
    'toUnixTimestamp64Milli(last_time) AS last, first_register AS low, last_register AS high ' +
    'FROM {database:Identifier}.usage_hours WHERE ' +
    `stream IN (${list}) AND hour >= toDateTime(${hourStart(from) / 1000}, 'UTC') AND hour < toDateTime(${hourStart(to) / 1000 + 3600}, 'UTC') ` +
    `AND first_time <= last_time` +
    (split.length === 0 ? '' : ` AND toUnixTimestamp(hour) * 1000 NOT IN (${split.join(', ')})`)
  const inSplit = split.map(
    (hour) =>
      `(segment_last_time >= ${instant(hour)} AND segment_first_time < ${instant(hour + HOUR_MS)} AND time >= ${instant(hour)} AND time < ${instant(hour + HOUR_MS)})`,
  )
  const readings =
    split.length === 0
      ? ''
      : ' UNION ALL SELECT stream, epoch, toUnixTimestamp64Milli(time) AS at, at AS first, at AS last, ' +
        `register AS low, register AS high FROM {database:Identifier}.readings_v1 WHERE stream IN (${list}) AND (${inSplit.join(' OR ')})`
  const sql =
    `SELECT lower(hex(stream)) AS streamId, epoch, ${stepOf('at', edges)} AS edge, min(first) AS firstMs, ` +
    'max(last) AS lastMs, min(low) AS firstRegister, max(high) AS lastRegister ' +
    `FROM (${hours}${readings}) GROUP BY stream, epoch, edge ORDER BY stream, epoch, edge ${SETTINGS}`
  return { sql, params: {} }
}

/** The last readings before an instant, or the first ones after it, of epochs. */
export function nearestQuery(
  epochs: readonly { readonly streamId: string; readonly epoch: bigint }[],
  side: 'before' | 'after',
  atMs: number,
): Query {
  const tuples = epochs.map(({ streamId, epoch }) => `(${ids([streamId])}, ${epoch})`)
  const bound = `toDateTime(${hourStart(atMs) / 1000}, 'UTC')`
  const sql =
    'SELECT lower(hex(stream)) AS streamId, epoch, toUnixTimestamp64Milli(min(first_time)) AS firstMs, ' +
    'toUnixTimestamp64Milli(max(last_time)) AS lastMs, min(first_register) AS firstRegister, max(last_register) AS lastRegister ' +
    `FROM {database:Identifier}.usage_hours WHERE stream IN (${ids([...new Set(epochs.map(({ streamId }) => streamId))])}) ` +
    `AND (stream, epoch) IN (${tuples.join(', ')}) AND first_time <= last_time AND hour ${side === 'before' ? '<' : '>'} ${bound} ` +
    `GROUP BY stream, epoch ORDER BY stream, epoch ${SETTINGS}`
  return { sql, params: {} }
}

/** Minutes in which something was sampled, by stream and step. */
export function coveredQuery(streams: readonly string[], edges: readonly number[]): Query {
  const [from, to] = [edges[0]!, edges.at(-1)!]
  const minuteOf = (expression: string): string => `least(greatest(intDiv(${expression} - at, 60000), 0), 60)`
  const sql =
    'WITH (bitShiftLeft(toUInt128(1), until) - bitShiftLeft(toUInt128(1), since)) AS mask ' +
    'SELECT lower(hex(stream)) AS streamId, edge, sum(bitCount(toUInt64(bitAnd(toUInt128(bits), mask)))) AS minutes FROM (' +
    `SELECT stream, at, bits, edge, ${minuteOf('edge')} AS since, ` +
    `${minuteOf(`arrayFirst(x -> x > edge, CAST([${[...edges, to + HOUR_MS].join(', ')}], 'Array(Int64)'))`)} AS until FROM (` +
    'SELECT stream, toInt64(toUnixTimestamp(hour)) * 1000 AS at, groupBitOr(minutes) AS bits, ' +
    `arrayJoin(arrayDistinct([${stepOf('at', edges)}, ${stepOf('at + 3599999', edges)}])) AS edge ` +
    'FROM {database:Identifier}.usage_hours ' +
    `WHERE stream IN (${ids(streams)}) AND hour >= toDateTime(${hourStart(from) / 1000}, 'UTC') AND hour < toDateTime(${Math.ceil(to / 1000)}, 'UTC') ` +
    `GROUP BY stream, hour)) WHERE edge >= ${from} AND edge < ${to} GROUP BY stream, edge ORDER BY stream, edge ${SETTINGS}`
  return { sql, params: {} }
}

const instant = (ms: number): string => `fromUnixTimestamp64Milli(${ms}, 'UTC')`
