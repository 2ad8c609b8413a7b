import { hourStart } from '@vouch/proto/kernel/period.ts'
import { type Query, checkedHex, ids } from './usage-query.ts'

const HOUR_MS = 3_600_000
const SETTINGS = 'SETTINGS output_format_json_quote_64bit_integers = 1, max_query_size = 16777216'

/** So many constants in a list cost the engine more to read than to look up. */
const LIST_MAX = 200

/** Streams as a set that the primary key can use: a list of constants, or where they are many, one text that is split. */
function streamSet(streams: readonly string[]): string {
  if (streams.length <= LIST_MAX) return ids(streams)
  const text = streams.map((id) => checkedHex(id)).join(',')
  return `SELECT toFixedString(unhex(arrayJoin(splitByChar(',', '${text}'))), 16)`
}

/** Hours in which a step ends and another begins: their readings tell, not the lattice. */
function splitHours(edges: readonly number[]): number[] {
  return [...new Set(edges.filter((ms) => ms % HOUR_MS !== 0).map((ms) => hourStart(ms)))]
}

/** Hours of a stream that are taken together where coverage is counted. */
const HOURS_AT_ONCE = 1024

/** So many comparisons are quicker than a search. */
const COMPARED_MAX = 40

/** By what instants are grouped, and the edge that it stands for: the one at or before them; 0 = before all of them. */
function steps(edges: readonly number[]): {
  readonly key: (ms: string) => string
  readonly edge: (key: string) => string
} {
  const all = `CAST([0, ${edges.join(', ')}], 'Array(Int64)')`
  if (edges.length > COMPARED_MAX)
    return { key: (ms) => `roundDown(toInt64(${ms}), ${all})`, edge: (key) => key }
  return {
    key: (ms) => edges.map((edge) => `(${ms} >= ${edge})`).join(' + '),
    edge: (key) => `${all}[${key} + 1]`,
  }
}

/**
 * The first and the last reading of each epoch in each step between edges: a row of RowBinary for an epoch, in which each step has the edge at which it begins,
 * two times and two registers; with what lies within `aroundMs` before the first edge (0) and after the last one. Hours without a reading change no least and no greatest value; what has none else is left out.
 */
export function extremesQuery(streams: readonly string[], edges: readonly number[], aroundMs: number): Query {
  const list = streamSet(streams)
  const [from, to] = [Math.max(0, edges[0]! - aroundMs), edges.at(-1)! + aroundMs]
  const split = splitHours(edges)
  const { key, edge } = steps(edges)
  const extremes = (first: string, last: string, low: string, high: string): string =>
    `min(${first}) AS a, max(${last}) AS b, min(${low}) AS c, max(${high}) AS d`
  const grouped = 'GROUP BY stream, epoch, k'
  const hours =
    `SELECT stream, epoch, ${key('toInt64(toUnixTimestamp(hour)) * 1000')} AS k, ` +
    `${extremes('first_time', 'last_time', 'first_register', 'last_register')} ` +
    `FROM {database:Identifier}.usage_parts_v1 WHERE stream IN (${list}) ` +
    `AND hour >= toDateTime(${hourStart(from) / 1000}, 'UTC') AND hour < toDateTime(${hourStart(to) / 1000 + 3600}, 'UTC')` +
    (split.length === 0
      ? ''
      : ` AND toUnixTimestamp(hour) NOT IN (${split.map((ms) => ms / 1000).join(', ')})`) +
    ` ${grouped}`
  const inSplit = split.map((hour) => {
    const [since, until] = [instant(hour), instant(hour + HOUR_MS)]
    return `(segment_last_time >= ${since} AND segment_first_time < ${until} AND time >= ${since} AND time < ${until})`
  })
  const readings =
    `SELECT stream, epoch, ${key('toUnixTimestamp64Milli(time)')} AS k, ` +
    `${extremes('time', 'time', 'register', 'register')} FROM {database:Identifier}.readings_v1 ` +
    `WHERE stream IN (${list}) AND (${inSplit.join(' OR ')}) ${grouped}`
  const all =
    split.length === 0
      ? hours
      : `SELECT stream, epoch, k, min(t.a) AS a, max(t.b) AS b, min(t.c) AS c, max(t.d) AS d ` +
        `FROM (${hours} UNION ALL ${readings}) AS t ${grouped}`
  const step = `(toInt64(${edge('k')}), toUnixTimestamp64Milli(a), toUnixTimestamp64Milli(b), c, d)`
  const sql =
    `SELECT count() OVER (), stream, epoch, arraySort(groupArray(${step})) ` +
    `FROM (${all}) WHERE a <= b GROUP BY stream, epoch ORDER BY stream, epoch ${SETTINGS}`
  return { sql, params: {} }
}

function epochSet(epochs: readonly { readonly streamId: string; readonly epoch: bigint }[]): string {
  if (epochs.length <= LIST_MAX)
    return epochs.map(({ streamId, epoch }) => `(${ids([streamId])}, ${epoch})`).join(', ')
  const text = epochs.map(({ streamId, epoch }) => `${checkedHex(streamId)}${epoch}`).join(',')
  return (
    'SELECT toFixedString(unhex(substring(x, 1, 32)), 16), toUInt64(substring(x, 33)) ' +
    `FROM (SELECT arrayJoin(splitByChar(',', '${text}')) AS x)`
  )
}

/** Epochs that have readings before an instant and after another one. */
export function spanningQuery(streams: readonly string[], fromMs: number, toMs: number): Query {
  const sql =
    'SELECT lower(hex(stream)) AS streamId, epoch FROM {database:Identifier}.usage_parts_v1 ' +
    `WHERE stream IN (${streamSet(streams)}) AND first_time <= last_time GROUP BY stream, epoch ` +
    `HAVING min(hour) < toDateTime(${hourStart(fromMs) / 1000}, 'UTC') AND max(hour) > toDateTime(${hourStart(toMs) / 1000}, 'UTC') ` +
    `ORDER BY stream, epoch ${SETTINGS}`
  return { sql, params: {} }
}

/** The last readings before an instant, or the first ones after it, of epochs. */
export function nearestQuery(
  epochs: readonly { readonly streamId: string; readonly epoch: bigint }[],
  side: 'before' | 'after',
  atMs: number,
): Query {
  const bound = `toDateTime(${hourStart(atMs) / 1000}, 'UTC')`
  const sql =
    'SELECT lower(hex(stream)) AS streamId, epoch, toUnixTimestamp64Milli(min(first_time)) AS firstMs, ' +
    'toUnixTimestamp64Milli(max(last_time)) AS lastMs, min(first_register) AS firstRegister, max(last_register) AS lastRegister ' +
    `FROM {database:Identifier}.usage_parts_v1 WHERE stream IN (${streamSet([...new Set(epochs.map(({ streamId }) => streamId))])}) ` +
    `AND (stream, epoch) IN (${epochSet(epochs)}) AND first_time <= last_time AND hour ${side === 'before' ? '<' : '>'} ${bound} ` +
    `GROUP BY stream, epoch ORDER BY stream, epoch ${SETTINGS}`
  return { sql, params: {} }
}

/**
 * Minutes in which something was sampled, by stream and by the edge at which a step begins. An hour in which a step ends and another begins stands
 * for itself: which of its minutes they were is in `together`, of each a bit. Hours lie in arrays: a group for each took three times as long.
 */
export function coveredQuery(streams: readonly string[], edges: readonly number[]): Query {
  const [from, to] = [edges[0]!, edges.at(-1)!]
  const [since, until] = [hourStart(from) / HOUR_MS, Math.ceil(to / HOUR_MS)]
  const size = Math.min(HOURS_AT_ONCE, until - since)
  const { key, edge } = steps(edges)
  const split = splitHours(edges)
  const stepAt = edge(`(${key('at')})`)
  const place = split.length === 0 ? stepAt : `if(at IN (${split.join(', ')}), at, ${stepAt})`
  const sql =
    `SELECT lower(hex(stream)) AS streamId, ${place} AS place, sum(bitCount(bits)) AS minutes, groupBitOr(bits) AS together FROM (` +
    `SELECT stream, (toInt64(block) * ${size} + nth + ${since}) * ${HOUR_MS} AS at, bits FROM (` +
    `SELECT stream, intDiv(h, ${size}) AS block, groupBitOrResample(0, ${size}, 1)(minutes, h % ${size}) AS each FROM (` +
    `SELECT stream, minutes, toUInt32(intDiv(toUnixTimestamp(hour), 3600) - ${since}) AS h FROM {database:Identifier}.usage_parts_v1 ` +
    `WHERE stream IN (${streamSet(streams)}) AND hour >= toDateTime(${since * 3600}, 'UTC') AND hour < toDateTime(${until * 3600}, 'UTC')` +
    `) GROUP BY stream, block) ARRAY JOIN each AS bits, range(${size}) AS nth WHERE bits != 0` +
    `) GROUP BY stream, place ORDER BY stream, place ${SETTINGS}`
  return { sql, params: {} }
}

const instant = (ms: number): string => `fromUnixTimestamp64Milli(${ms}, 'UTC')`
