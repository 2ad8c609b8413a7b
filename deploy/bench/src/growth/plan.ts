import { BATCH } from '../ingest/shape.ts'

/** What is stored before the second measurement: each agent sends a batch of {@link BATCH} again and again. */
export interface GrowthPlan {
  readonly streams: number
  /** Segments of a stream: {@link CADENCE_MS} apart, the last of them a month before now. */
  readonly segmentsPerStream: number
  /** One insert of the engine: segments `from` to `to`, `to` excluded, of all streams. */
  readonly inserts: readonly { readonly from: number; readonly to: number }[]
}

/** Half an hour, a reading every five minutes: {@link SEGMENTS_PER_STREAM} are half a year. */
export const CADENCE_MS = 1_800_000
const SEGMENTS_PER_STREAM = 8_333
/** Segments of one insert. */
const INSERT_ROWS = 700_000
const DAY_MS = 86_400_000

/** At least `readings` readings of half a year, in the order in which time brings them. */
export function planOf(readings: number): GrowthPlan {
  const segments = Math.ceil(readings / BATCH.rows)
  const segmentsPerStream = Math.min(SEGMENTS_PER_STREAM, segments)
  const streams = Math.ceil(segments / segmentsPerStream)
  const moments = Math.max(1, Math.floor(INSERT_ROWS / streams))
  const inserts = Array.from({ length: Math.ceil(segmentsPerStream / moments) }, (_, index) => ({
    from: index * moments,
    to: Math.min(segmentsPerStream, (index + 1) * moments),
  }))
  return { streams, segmentsPerStream, inserts }
}

/**
 * Statements that store one insert of a plan: segments through the table and its view, and the batches that they came
 * in, the bodies left out, received now: of days gone by the collector would close each under its root. The names of runs are those of the streams' agents, 200 streams each.
 */
export function statementsOf(
  database: string,
  plan: GrowthPlan,
  { from, to }: { readonly from: number; readonly to: number },
  nowMs: number,
): string[] {
  const { streams, segmentsPerStream } = plan
  const startMs = nowMs - 30 * DAY_MS - segmentsPerStream * CADENCE_MS
  const moment = `intDiv(number, ${streams})`
  const name = (text: string): string => `toFixedString(unhex(hex(sipHash128(${text}))), 16)`
  const spacingMs = CADENCE_MS / BATCH.rows
  const segments = `INSERT INTO ${database}.segments (stream, epoch, first_time, last_time, run, sequence, first_row, class,
      times, registers, spans)
    SELECT ${name("'stream', stream_number")}, ${startMs}, times[1], times[-1],
      ${name(`'run', intDiv(stream_number, ${AGENT_STREAMS})`)}, ${moment} + 1,
      toUInt32(stream_number % ${AGENT_STREAMS} * ${BATCH.rows}), 'host.network',
      arrayMap(row -> fromUnixTimestamp64Milli(toInt64(${startMs} + ${moment} * ${CADENCE_MS} + row * ${spacingMs} + stream_number % 7), 'UTC'),
        range(${BATCH.rows})) AS times,
      arrayMap(row -> toUInt64(stream_number * 1000003 + (${moment} * ${BATCH.rows} + row) * 500000 + cityHash64(number, row) % 500000),
        range(${BATCH.rows})),
      arrayMap(row -> toUInt32(${spacingMs}), range(${BATCH.rows}))
    FROM (SELECT number, number % ${streams} AS stream_number FROM numbers(${from * streams}, ${(to - from) * streams}))
    SETTINGS insert_deduplicate = 0, async_insert = 0, max_insert_threads = 1`
  return [segments, batchesOf(database, plan, { from, to }, { startMs, nowMs }, name)]
}

const AGENT_STREAMS = 200

function batchesOf(
  database: string,
  { streams }: GrowthPlan,
  { from, to }: { readonly from: number; readonly to: number },
  { startMs, nowMs }: { readonly startMs: number; readonly nowMs: number },
  name: (text: string) => string,
): string {
  const agents = Math.ceil(streams / AGENT_STREAMS)
  const sequence = `intDiv(number, ${agents}) + 1`
  const agent = `number % ${agents}`
  const time = `fromUnixTimestamp64Milli(toInt64(${startMs} + intDiv(number, ${agents}) * ${CADENCE_MS}), 'UTC')`
  const digest = (at: string): string =>
    `toFixedString(concat(${name(`'digest', ${agent}, ${at}`)}, ${name(`'rest', ${agent}, ${at}`)}), 32)`
  return `INSERT INTO ${database}.batches (agent, run, sequence, digest, previous, key_id, header, body, signature,
      first_time, last_time, rows, received, clock_offset_ms, final)
    SELECT ${name(`'agent', ${agent}`)}, ${name(`'run', ${agent}`)}, ${sequence}, ${digest(sequence)},
      ${digest(`${sequence} - 1`)}, ${name(`'key', ${agent}`)}, randomString(250), '', toFixedString(randomString(64), 64),
      ${time}, ${time}, ${AGENT_STREAMS * BATCH.rows}, fromUnixTimestamp64Milli(${nowMs}, 'UTC'), 0, 0
    FROM numbers(${from * agents}, ${(to - from) * agents}) SETTINGS insert_deduplicate = 0, async_insert = 0`
}
