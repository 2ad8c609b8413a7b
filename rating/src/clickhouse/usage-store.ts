import { fromHex } from '@vouch/proto/kernel/bytes.ts'
import { type Result, fail, ok, unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { UsageStore } from '../rate/ports.ts'
import type { Reading } from '../usage/boundary.ts'
import { type EpochRecord, measuredPart } from '../usage/epoch-usage.ts'
import { type Interval, clip } from '../usage/interval.ts'
import { selfAndAncestors } from '../usage/resource.ts'
import type { Stream, StreamRecord } from '../usage/stream-usage.ts'
import { type Expiry, readExpiry } from './expiry.ts'
import { type Reader, type Row, bigintOf, integerOf, textOf } from './reader.ts'
import {
  type ReadingKey,
  digestsQuery,
  epochsQuery,
  holesQuery,
  readingsQuery,
  streamsQuery,
} from './usage-query.ts'

const STREAMS_MAX = 100_000
const STREAMS_PER_QUERY = 500
const READINGS_PER_QUERY = 500
const HOLES_MAX = 100_000

/** An epoch's place in time, and the times of its readings around the ends of a period; 0 = none. */
interface EpochRow {
  readonly streamId: string
  readonly epoch: bigint
  readonly firstMs: number
  readonly lastMs: number
  readonly opening: Around
  readonly closing: Around
}

interface Around {
  readonly beforeMs: number
  readonly afterMs: number
}

/** Rows at one instant: the lowest register serves as the reading after, the highest as the one before. */
type ReadingRows = ReadonlyMap<string, { readonly low: Reading; readonly high: Reading }>

/** The usage store over the collector's versioned views. */
export function createUsageStore(reader: Reader): UsageStore {
  return {
    streams: async (resources, meters) => readStreams(reader, resources, meters),
    records: async (streams, period) => {
      const expiry = await readExpiry(reader)
      if (!expiry.ok) return expiry
      const records: StreamRecord[] = []
      for (let i = 0; i < streams.length; i += STREAMS_PER_QUERY) {
        const part = await readRecords(reader, streams.slice(i, i + STREAMS_PER_QUERY), period, expiry.value)
        if (!part.ok) return part
        records.push(...part.value)
      }
      return ok(records)
    },
  }
}

async function readStreams(
  reader: Reader,
  resources: readonly string[],
  meters: readonly string[],
): Promise<Result<Stream[]>> {
  const roots = [...new Set(resources.map((resource) => resource.split('/', 1)[0]!))]
  const rows = await reader.rows(streamsQuery(roots, meters, STREAMS_MAX + 1))
  if (!rows.ok) return rows
  if (rows.value.length > STREAMS_MAX)
    return fail('OUT_OF_RANGE', `more than ${STREAMS_MAX} streams; ask for fewer resources`)
  const asked = new Set(resources)
  const wanted = rows.value.filter((row) =>
    selfAndAncestors(textOf(row, 'resource')).some((r) => asked.has(r)),
  )
  return ok(
    wanted.map((row) => ({
      streamId: textOf(row, 'streamId'),
      agentId: textOf(row, 'agentId'),
      resource: textOf(row, 'resource'),
      meter: textOf(row, 'meter'),
      unit: textOf(row, 'unit'),
    })),
  )
}

async function readRecords(
  reader: Reader,
  streams: readonly Stream[],
  period: Interval,
  expiry: Expiry,
): Promise<Result<StreamRecord[]>> {
  for (const stream of streams) {
    const whole = expiry.hoursAt(stream, period.from)
    if (!whole.ok) return whole
  }
  const rows = await reader.rows(
    epochsQuery(
      streams.map(({ streamId }) => streamId),
      period,
    ),
  )
  if (!rows.ok) return rows
  const epochs = rows.value.map(epochRow)
  const measured = epochs.filter((epoch) => measuredPart(epoch, period) !== undefined)
  const whole = checkReadings(streams, measured, period, expiry)
  if (!whole.ok) return whole
  const holes = await readHoles(reader, measured, period)
  if (!holes.ok) return holes
  const readings = await readReadings(reader, streams, measured, period)
  if (!readings.ok) return readings
  const byStream = Map.groupBy(epochs, ({ streamId }) => streamId)
  return ok(
    streams.flatMap((stream) => {
      const own = byStream.get(stream.streamId)
      if (own === undefined) return []
      const inside = own.filter((epoch) => measuredPart(epoch, period) !== undefined)
      const records = inside.map((epoch) => epochRecord(epoch, period, holes.value, readings.value))
      return [
        {
          stream,
          lastMs: Math.max(...own.map(({ lastMs }) => Math.min(lastMs, period.to))),
          epochs: records,
        },
      ]
    }),
  )
}

/**
 * Whether all readings of the epochs in the period are there. Of an hour that has expired only some may be
 * gone, so a boundary from what is left could be wrong: the oldest reading in use decides.
 */
function checkReadings(
  streams: readonly Stream[],
  epochs: readonly EpochRow[],
  period: Interval,
  expiry: Expiry,
): Result<void> {
  const byId = new Map(streams.map((stream) => [stream.streamId, stream]))
  for (const epoch of epochs) {
    const whole = expiry.readingsAt(byId.get(epoch.streamId)!, boundaryTimes(epoch, period).opening.beforeMs)
    if (!whole.ok) return whole
  }
  return ok(undefined)
}

function epochRow(row: Row): EpochRow {
  const around = (name: string): Around => ({
    beforeMs: integerOf(row, `${name}BeforeMs`),
    afterMs: integerOf(row, `${name}AfterMs`),
  })
  return {
    streamId: textOf(row, 'streamId'),
    epoch: bigintOf(row, 'epoch'),
    firstMs: integerOf(row, 'firstMs'),
    lastMs: integerOf(row, 'lastMs'),
    opening: around('opening'),
    closing: around('closing'),
  }
}

const epochKey = (streamId: string, epoch: bigint): string => `${streamId} ${epoch}`
const readingKey = (streamId: string, epoch: bigint, timeMs: number): string =>
  `${streamId} ${epoch} ${timeMs}`

/** Times of the readings around an end of the measured part; `after` is 0 where a reading lies at the end. */
function boundaryTimes(epoch: EpochRow, period: Interval): { opening: Around; closing: Around } {
  const end = (atMs: number, periodMs: number, around: Around): Around => {
    if (atMs !== periodMs || around.beforeMs === atMs) return { beforeMs: atMs, afterMs: 0 }
    return around
  }
  const part = measuredPart(epoch, period)!
  return {
    opening: end(part.from, period.from, epoch.opening),
    closing: end(part.to, period.to, epoch.closing),
  }
}

function epochRecord(
  epoch: EpochRow,
  period: Interval,
  holes: ReadonlyMap<string, Interval[]>,
  readings: ReadingRows,
): EpochRecord {
  const { streamId, epoch: name, firstMs, lastMs } = epoch
  const at = (timeMs: number) => readings.get(readingKey(streamId, name, timeMs))!
  const pair = ({ beforeMs, afterMs }: Around): EpochRecord['opening'] => ({
    before: at(beforeMs).high,
    after: afterMs === 0 ? undefined : at(afterMs).low,
  })
  const times = boundaryTimes(epoch, period)
  const part = measuredPart(epoch, period)!
  const own = (holes.get(epochKey(streamId, name)) ?? []).map((hole) => clip(hole, part))
  return {
    epoch: name,
    firstMs,
    lastMs,
    opening: pair(times.opening),
    closing: pair(times.closing),
    holes: own.filter((hole) => hole.from < hole.to),
  }
}

async function readHoles(
  reader: Reader,
  epochs: readonly EpochRow[],
  period: Interval,
): Promise<Result<Map<string, Interval[]>>> {
  if (epochs.length === 0) return ok(new Map())
  const times = epochs.map((epoch) => boundaryTimes(epoch, period))
  const from = Math.min(...times.map(({ opening }) => opening.beforeMs))
  const to = Math.max(...times.map(({ closing }) => Math.max(closing.beforeMs, closing.afterMs)))
  const streams = [...new Set(epochs.map(({ streamId }) => streamId))]
  const rows = await reader.rows(holesQuery(streams, { from, to }, HOLES_MAX + 1))
  if (!rows.ok) return rows
  if (rows.value.length > HOLES_MAX)
    return fail('OUT_OF_RANGE', `more than ${HOLES_MAX} gaps; ask for a shorter period`)
  const holes = new Map<string, Interval[]>()
  for (const row of rows.value) {
    const key = epochKey(textOf(row, 'streamId'), bigintOf(row, 'epoch'))
    const list = holes.get(key) ?? []
    list.push({ from: integerOf(row, 'fromMs'), to: integerOf(row, 'toMs') })
    holes.set(key, list)
  }
  return ok(holes)
}

async function readReadings(
  reader: Reader,
  streams: readonly Stream[],
  epochs: readonly EpochRow[],
  period: Interval,
): Promise<Result<ReadingRows>> {
  const keys = epochs.flatMap((epoch): ReadingKey[] => {
    const { opening, closing } = boundaryTimes(epoch, period)
    const times = new Set([opening.beforeMs, opening.afterMs, closing.beforeMs, closing.afterMs])
    times.delete(0)
    return [...times].map((timeMs) => ({ stream: epoch.streamId, epoch: epoch.epoch, timeMs }))
  })
  const agents = new Map(streams.map(({ streamId, agentId }) => [streamId, agentId]))
  const found = new Map<string, { low: Reading; high: Reading }>()
  for (let i = 0; i < keys.length; i += READINGS_PER_QUERY) {
    const rows = await reader.rows(readingsQuery(keys.slice(i, i + READINGS_PER_QUERY)))
    if (!rows.ok) return rows
    const digests = await readDigests(reader, rows.value, agents)
    if (!digests.ok) return digests
    for (const row of rows.value) {
      const timeMs = integerOf(row, 'timeMs')
      const batchDigest = digests.value.get(`${textOf(row, 'runId')} ${textOf(row, 'sequence')}`)!
      const reading = { batchDigest, row: integerOf(row, 'row'), timeMs, register: bigintOf(row, 'register') }
      const key = readingKey(textOf(row, 'streamId'), bigintOf(row, 'epoch'), timeMs)
      found.set(key, { low: found.get(key)?.low ?? reading, high: reading })
    }
  }
  const gone = keys.find(({ stream, epoch, timeMs }) => !found.has(readingKey(stream, epoch, timeMs)))
  if (gone !== undefined)
    return fail(
      'EVIDENCE_MISSING',
      `the reading of stream ${gone.stream} at ${formatInstant(gone.timeMs)} has gone`,
    )
  return ok(found)
}

async function readDigests(
  reader: Reader,
  rows: readonly Row[],
  agents: ReadonlyMap<string, string>,
): Promise<Result<Map<string, Uint8Array>>> {
  const digests = new Map<string, Uint8Array>()
  const places = new Map(
    rows.map((row) => {
      const run = textOf(row, 'runId')
      const sequence = bigintOf(row, 'sequence')
      return [`${run} ${sequence}`, { agent: agents.get(textOf(row, 'streamId'))!, run, sequence }]
    }),
  )
  if (places.size === 0) return ok(digests)
  const answer = await reader.rows(digestsQuery([...places.values()]))
  if (!answer.ok) return answer
  for (const row of answer.value) {
    digests.set(`${textOf(row, 'runId')} ${textOf(row, 'sequence')}`, unwrap(fromHex(textOf(row, 'digest'))))
  }
  const missing = [...places].find(([key]) => !digests.has(key))
  if (missing === undefined) return ok(digests)
  const { run, sequence } = missing[1]
  return fail(
    'EVIDENCE_MISSING',
    `the archive has no batch ${sequence} of run ${run}, which holds readings in use`,
  )
}
