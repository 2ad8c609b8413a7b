import { hourStart } from '@vouch/proto/kernel/period.ts'
import type { Interval } from '../usage/interval.ts'

/** SQL text with the values of its `{name:Type}` parameters. */
export interface Query {
  readonly sql: string
  readonly params: Readonly<Record<string, unknown>>
}

/** A row of `readings_v1` to look up. */
export interface ReadingKey {
  readonly stream: string
  readonly epoch: bigint
  readonly timeMs: number
}

const HOUR_MS = 3_600_000
const SETTINGS = 'SETTINGS output_format_json_quote_64bit_integers = 1'

/** A list of ids given in hexadecimal, as constants that the primary key can use; no calls, which cost the engine 0.1 ms each. */
export function ids(hex: readonly string[]): string {
  return hex.map((id) => `x'${checkedHex(id)}'`).join(', ')
}

/** Guards against text in SQL: everything that is not hexadecimal is a broken invariant. */
export function checkedHex(text: string): string {
  if (!/^(?:[0-9a-f]{2})+$/.test(text)) throw new Error(`not hexadecimal: ${text}`)
  return text
}

/** Readings of [from, to] by their times; those of their segments, which enclose them, are what the index knows. */
function during({ from, to }: Interval): string {
  const [since, until] = [instant(from), instant(to)]
  return `segment_last_time >= ${since} AND segment_first_time <= ${until} AND time >= ${since} AND time <= ${until}`
}

const instant = (ms: number): string => `fromUnixTimestamp64Milli(${ms}, 'UTC')`

/** Streams of the resources' hosts (first path segment) and meters; no meters = all. */
export function streamsQuery(roots: readonly string[], meters: readonly string[], limit: number): Query {
  const meter = meters.length === 0 ? '' : 'AND meter IN {meters:Array(String)} '
  const sql =
    'SELECT lower(hex(stream)) AS streamId, lower(hex(agent)) AS agentId, resource, meter, unit ' +
    `FROM {database:Identifier}.streams_v1 WHERE splitByChar('/', resource)[1] IN {roots:Array(String)} ${meter}` +
    `ORDER BY resource, meter, stream LIMIT ${limit} ${SETTINGS}`
  return { sql, params: { roots: [...roots], ...(meters.length === 0 ? {} : { meters: [...meters] }) } }
}

/** Resources after a name with a reading in an hour that the period touches, ascending. */
export function resourcesQuery(period: Interval, after: string, limit: number): Query {
  const sql =
    'SELECT DISTINCT resource FROM {database:Identifier}.streams_v1 WHERE resource > {after:String} ' +
    `AND ${measuredIn(period)} ORDER BY resource LIMIT ${limit}`
  return { sql, params: { after } }
}

/** Meters with a reading in an hour that the period touches, with their units and how many resources they measured. */
export function metersQuery(period: Interval, limit: number): Query {
  const sql =
    'SELECT meter, unit, toUInt32(uniqExact(resource)) AS resources FROM {database:Identifier}.streams_v1 ' +
    `WHERE ${measuredIn(period)} GROUP BY meter, unit ORDER BY meter, unit LIMIT ${limit}`
  return { sql, params: {} }
}

function measuredIn({ from, to }: Interval): string {
  return (
    'stream IN (SELECT stream FROM {database:Identifier}.usage_parts_v1 WHERE first_time <= last_time ' +
    `AND hour >= toDateTime(${hourStart(from) / 1000}, 'UTC') AND hour < toDateTime(${hourStart(to - 1) / 1000 + 3600}, 'UTC'))`
  )
}

/**
 * Where each epoch begins and ends, and the times of its readings around both ends of the period;
 * 0 = none. Hours come from the lattice, the two that hold the ends from the readings too: the lattice
 * there still tells of an epoch whose readings have expired.
 */
export function epochsQuery(streams: readonly string[], period: Interval): Query {
  const list = ids(streams)
  const edges = [...new Set([hourStart(period.from), hourStart(period.to)])]
  const inEdge = edges.map((hour) => `(${during({ from: hour, to: hour + HOUR_MS - 1 })})`).join(' OR ')
  const sql =
    'SELECT lower(hex(stream)) AS streamId, epoch, min(first) AS firstMs, max(last) AS lastMs, ' +
    around('opening', period.from) +
    ', ' +
    around('closing', period.to) +
    ' FROM (SELECT stream, epoch, toUnixTimestamp64Milli(first_time) AS first, ' +
    'toUnixTimestamp64Milli(last_time) AS last FROM {database:Identifier}.usage_hours_v1 ' +
    `WHERE stream IN (${list}) AND first_time <= last_time ` +
    'UNION ALL SELECT stream, epoch, toUnixTimestamp64Milli(time) AS first, first AS last FROM {database:Identifier}.readings_v1 ' +
    `WHERE stream IN (${list}) AND (${inEdge})) ` +
    `GROUP BY stream, epoch HAVING firstMs < ${period.to} ORDER BY stream, epoch ${SETTINGS}`
  return { sql, params: {} }
}

/**
 * Times of the readings around instants, by epoch; 0 = none. An hour that begins at an instant tells by itself; of others the readings do.
 */
export function cutsQuery(streams: readonly string[], cuts: readonly number[]): Query {
  const list = ids(streams)
  const inside = [...new Set(cuts.filter((ms) => ms % HOUR_MS !== 0).map((ms) => hourStart(ms)))]
  const inHours = inside.map((hour) => `(${during({ from: hour, to: hour + HOUR_MS - 1 })})`).join(' OR ')
  const readings =
    inside.length === 0
      ? ''
      : 'UNION ALL SELECT stream, epoch, toUnixTimestamp64Milli(time) AS first, first AS last FROM {database:Identifier}.readings_v1 ' +
        `WHERE stream IN (${list}) AND (${inHours})`
  const columns = cuts.map(
    (ms, i) =>
      `greatest(maxIf(last, last <= ${ms}), maxIf(first, first <= ${ms})) AS before${i}, ` +
      `minIf(if(first > ${ms}, first, last), last > ${ms}) AS after${i}`,
  )
  const sql =
    `SELECT lower(hex(stream)) AS streamId, epoch, ${columns.join(', ')} ` +
    'FROM (SELECT stream, epoch, toUnixTimestamp64Milli(first_time) AS first, ' +
    'toUnixTimestamp64Milli(last_time) AS last FROM {database:Identifier}.usage_hours_v1 ' +
    `WHERE stream IN (${list}) AND first_time <= last_time ${readings}) ` +
    `GROUP BY stream, epoch ORDER BY stream, epoch ${SETTINGS}`
  return { sql, params: {} }
}

/**
 * Of each slot, counted from an instant before all of them, the first and the last reading, once where that is one: a row of RowBinary for an epoch, with
 * its stream, times and registers. A register only rises in an epoch, so the least and the greatest are those of the first and the last time.
 */
export function slotsQuery(
  streams: readonly string[],
  between: Interval,
  baseMs: number,
  slotMs: number,
): Query {
  const sql =
    'SELECT count() OVER (), stream, groupArrayArray(if(a = b AND c = d, [a], [a, b])), groupArrayArray(if(a = b AND c = d, [c], [c, d])) FROM (' +
    `SELECT stream, epoch, intDiv(toUnixTimestamp64Milli(time) - ${baseMs}, ${slotMs}) AS slot, ` +
    'min(toUnixTimestamp64Milli(time)) AS a, max(toUnixTimestamp64Milli(time)) AS b, min(register) AS c, max(register) AS d ' +
    `FROM {database:Identifier}.readings_v1 WHERE stream IN (${ids(streams)}) AND ${during(between)} ` +
    'GROUP BY stream, epoch, slot ORDER BY stream, epoch, slot) GROUP BY stream, epoch ORDER BY stream, epoch'
  return { sql, params: {} }
}

/** Digests of the batches of an agent that hold readings of streams in a stretch of time; zeros for one that has gone. */
export function holdersQuery(agent: string, streams: readonly string[], stretch: Interval): Query {
  const held = `SELECT DISTINCT run, sequence FROM {database:Identifier}.readings_v1 WHERE stream IN (${ids(streams)}) AND ${during(stretch)}`
  return digestsOf(agent, held, stretch)
}

/** The same of the last reading of each epoch in a stretch of time, or the first one. */
export function outermostQuery(
  agent: string,
  epochs: readonly { readonly stream: string; readonly epoch: bigint }[],
  side: 'first' | 'last',
  stretch: Interval,
): Query {
  const tuples = epochs.map(({ stream, epoch }) => `(${ids([stream])}, ${epoch})`)
  const source =
    `FROM {database:Identifier}.readings_v1 WHERE stream IN (${ids([...new Set(epochs.map(({ stream }) => stream))])}) ` +
    `AND (stream, epoch) IN (${tuples.join(', ')}) AND ${during(stretch)}`
  const time = side === 'first' ? 'min(time)' : 'max(time)'
  const held =
    `SELECT DISTINCT run, sequence ${source} ` +
    `AND (stream, epoch, time) IN (SELECT stream, epoch, ${time} ${source} GROUP BY stream, epoch)`
  return digestsOf(agent, held, stretch)
}

function digestsOf(agent: string, held: string, stretch: Interval): Query {
  const sql =
    `SELECT DISTINCT lower(hex(digest)) AS digestHex FROM (${held}) AS held ` +
    'LEFT ANY JOIN (SELECT run, sequence, digest FROM {database:Identifier}.batches_v1 ' +
    `WHERE agent = ${ids([agent])} AND last_time >= ${instant(stretch.from)} AND first_time <= ${instant(stretch.to)}) AS kept ` +
    `USING (run, sequence) ORDER BY digestHex ${SETTINGS}`
  return { sql, params: {} }
}

function around(name: string, ms: number): string {
  return `maxIf(last, last <= ${ms}) AS ${name}BeforeMs, minIf(first, first > ${ms}) AS ${name}AfterMs`
}

/**
 * Steps between readings that their spans do not explain, over [from, to] of reading times.
 */
export function holesQuery(streams: readonly string[], between: Interval, limit: number): Query {
  const sql =
    'SELECT lower(hex(stream)) AS streamId, epoch, previous AS fromMs, at - span_ms AS toMs FROM (' +
    'SELECT stream, epoch, toUnixTimestamp64Milli(time) AS at, span_ms, lagInFrame(at, 1, at) OVER (' +
    'PARTITION BY stream, epoch ORDER BY time, register ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS previous ' +
    'FROM {database:Identifier}.readings_v1 ' +
    `WHERE stream IN (${ids(streams)}) AND ${during(between)}) ` +
    `WHERE previous < at - span_ms ORDER BY stream, epoch, at LIMIT ${limit} ${SETTINGS}`
  return { sql, params: {} }
}

/** The readings at exactly these times, with their place in the signed archive. */
export function readingsQuery(keys: readonly ReadingKey[]): Query {
  const tuples = keys.map(({ stream, epoch, timeMs }) => `(${ids([stream])}, ${epoch}, ${instant(timeMs)})`)
  const times = windows(keys.map(({ timeMs }) => timeMs)).map((window) => `(${during(window)})`)
  const sql =
    'SELECT lower(hex(stream)) AS streamId, epoch, toUnixTimestamp64Milli(time) AS timeMs, register, ' +
    'lower(hex(run)) AS runId, sequence, row FROM {database:Identifier}.readings_v1 ' +
    `WHERE stream IN (${ids([...new Set(keys.map(({ stream }) => stream))])}) AND (${times.join(' OR ')}) ` +
    `AND (stream, epoch, time) IN (${tuples.join(', ')}) ORDER BY stream, epoch, time, register, run, sequence, row ${SETTINGS}`
  return { sql, params: {} }
}

/** Instants that are less than an hour apart are in one window. */
function windows(times: readonly number[]): Interval[] {
  const merged: { from: number; to: number }[] = []
  for (const time of times.toSorted((a, b) => a - b)) {
    const last = merged.at(-1)
    if (last !== undefined && time - last.to < HOUR_MS) last.to = time
    else merged.push({ from: time, to: time })
  }
  return merged
}

/** Digests of batches by (agent, run, sequence). */
export function digestsQuery(batches: readonly { agent: string; run: string; sequence: bigint }[]): Query {
  const tuples = batches.map(({ agent, run, sequence }) => `(${ids([agent])}, ${ids([run])}, ${sequence})`)
  const sql =
    'SELECT lower(hex(run)) AS runId, sequence, lower(hex(digest)) AS digest FROM {database:Identifier}.batches_v1 ' +
    `WHERE (agent, run, sequence) IN (${tuples.join(', ')}) ORDER BY run, sequence, digest ${SETTINGS}`
  return { sql, params: {} }
}

/** Which retention came into force when, and the store's own clock. */
export function retentionQuery(limit: number): Query {
  const sql =
    'SELECT toUnixTimestamp64Milli(at) AS atMs, applied, readings_days, hours_days, ' +
    'toUnixTimestamp64Milli(now64(3)) AS nowMs ' +
    `FROM {database:Identifier}.retention_log_v1 ORDER BY at DESC LIMIT ${limit} ${SETTINGS}`
  return { sql, params: {} }
}
