/** What is stored before the second measurement. */
export interface GrowthPlan {
  readonly streams: number
  /** Readings of a stream: {@link CADENCE_MS} apart, the last of them a month before now. */
  readonly readingsPerStream: number
  /** One insert of the engine: moments `from` to `to`, `to` excluded, of all streams. */
  readonly inserts: readonly { readonly from: number; readonly to: number }[]
}

/** Five minutes: {@link READINGS_PER_STREAM} are half a year. */
export const CADENCE_MS = 300_000
const READINGS_PER_STREAM = 50_000
/** Rows of one insert. */
const INSERT_ROWS = 4_000_000
const DAY_MS = 86_400_000

/** At least `readings` readings of half a year, in the order in which time brings them. */
export function planOf(readings: number): GrowthPlan {
  const readingsPerStream = Math.min(READINGS_PER_STREAM, readings)
  const streams = Math.ceil(readings / readingsPerStream)
  const moments = Math.max(1, Math.floor(INSERT_ROWS / streams))
  const inserts = Array.from({ length: Math.ceil(readingsPerStream / moments) }, (_, index) => ({
    from: index * moments,
    to: Math.min(readingsPerStream, (index + 1) * moments),
  }))
  return { streams, readingsPerStream, inserts }
}

/**
 * Statements that store one insert of a plan: readings through the table and its view, and a batch for each hour of
 * 200 streams, the bodies left out. The names of runs are those of the streams' agents, 200 streams each.
 */
export function statementsOf(
  database: string,
  plan: GrowthPlan,
  { from, to }: { readonly from: number; readonly to: number },
  nowMs: number,
): string[] {
  const { streams, readingsPerStream } = plan
  const startMs = nowMs - 30 * DAY_MS - readingsPerStream * CADENCE_MS
  const moment = `intDiv(number, ${streams})`
  const name = (text: string): string => `toFixedString(unhex(hex(sipHash128(${text}))), 16)`
  const time = `fromUnixTimestamp64Milli(toInt64(${startMs} + ${moment} * ${CADENCE_MS} + stream_number % 7), 'UTC')`
  const readings = `INSERT INTO ${database}.readings (stream, epoch, time, register, span_ms, run, sequence, row)
    SELECT ${name("'stream', stream_number")}, ${startMs}, ${time},
      toUInt64(stream_number * 1000003 + ${moment} * 500000 + cityHash64(number) % 500000), ${CADENCE_MS},
      ${name("'run', intDiv(stream_number, 200)")}, ${moment} + 1, toUInt32(stream_number % 200)
    FROM (SELECT number, number % ${streams} AS stream_number FROM numbers(${from * streams}, ${(to - from) * streams}))
    SETTINGS insert_deduplicate = 0, async_insert = 0, max_insert_threads = 1`
  return [readings, batchesOf(database, plan, { from, to }, startMs, name)]
}

const AGENT_STREAMS = 200

function batchesOf(
  database: string,
  { streams }: GrowthPlan,
  { from, to }: { readonly from: number; readonly to: number },
  startMs: number,
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
      ${time}, ${time}, ${AGENT_STREAMS}, ${time}, 0, 0
    FROM numbers(${from * agents}, ${(to - from) * agents}) SETTINGS insert_deduplicate = 0, async_insert = 0`
}
