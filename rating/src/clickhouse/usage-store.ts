import { type Result, fail, ok } from '@vouch/proto/kernel/fault.ts'
import { hourStart } from '@vouch/proto/kernel/period.ts'
import type { UsageStore } from '../rate/ports.ts'
import { measuredPart } from '../usage/epoch-usage.ts'
import type { Interval } from '../usage/interval.ts'
import { selfAndAncestors } from '@vouch/proto/kernel/id.ts'
import type { Stream, StreamRecord } from '../usage/stream-usage.ts'
import { type Expiry, readExpiry } from './expiry.ts'
import { type EpochRow, boundaryTimes, epochKey, epochRecord, readEpochs, readingKeys } from './epochs.ts'
import { readInParts } from './in-parts.ts'
import { type Reader, bigintOf, integerOf, textOf } from './reader.ts'
import { readReadings } from './readings-at.ts'
import { readCovered, readSeries } from './series.ts'
import { readSlots } from './slot-readings.ts'
import { holesQuery, metersQuery, resourcesQuery, streamsQuery } from './usage-query.ts'

const STREAMS_MAX = 100_000
const METERS_MAX = 10_000
const STREAMS_PER_QUERY = 500
const HOLES_MAX = 100_000

/** The usage store over the collector's versioned views. */
export function createUsageStore(reader: Reader): UsageStore {
  return {
    streams: async (resources, meters) => readStreams(reader, resources, meters),
    resources: async (period, after, limit) => {
      const rows = await reader.rows(resourcesQuery(period, after, limit))
      return rows.ok ? ok(rows.value.map((row) => textOf(row, 'resource'))) : rows
    },
    meters: async (period) => {
      const rows = await reader.rows(metersQuery(period, METERS_MAX + 1))
      if (!rows.ok) return rows
      if (rows.value.length > METERS_MAX)
        return fail('OUT_OF_RANGE', `more than ${METERS_MAX} meters measured`)
      return ok(
        rows.value.map((row) => ({
          meter: textOf(row, 'meter'),
          unit: textOf(row, 'unit'),
          resources: Number(row['resources']),
        })),
      )
    },
    records: async (streams, period, cuts = []) => {
      const expiry = await readExpiry(reader)
      if (!expiry.ok) return expiry
      const how = { period, cuts, expiry: expiry.value }
      const parts = await readInParts(streams, STREAMS_PER_QUERY, (part) => readRecords(reader, part, how))
      return parts.ok ? ok(parts.value.flat()) : parts
    },
    series: async (streams, edges) => {
      const expiry = await readExpiry(reader)
      if (!expiry.ok) return expiry
      const whole = checkSteps(streams, edges, expiry.value)
      return whole.ok ? readSeries(reader, streams, edges) : whole
    },
    covered: (streams, edges) => readCovered(reader, streams, edges),
    slots: (records, stretch, slotMs) => readSlots(reader, records, stretch, slotMs),
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
  {
    period,
    cuts,
    expiry,
  }: { readonly period: Interval; readonly cuts: readonly number[]; readonly expiry: Expiry },
): Promise<Result<StreamRecord[]>> {
  for (const stream of streams) {
    const whole = expiry.hoursAt(stream, period.from)
    if (!whole.ok) return whole
  }
  const found = await readEpochs(
    reader,
    streams.map(({ streamId }) => streamId),
    period,
    cuts,
  )
  if (!found.ok) return found
  const epochs = found.value
  const measured = epochs.filter((epoch) => measuredPart(epoch, period) !== undefined)
  const whole = checkReadings(streams, measured, period, expiry)
  if (!whole.ok) return whole
  const holes = await readHoles(reader, measured, period)
  if (!holes.ok) return holes
  const keys = measured.flatMap((epoch) => readingKeys(epoch, period))
  const readings = await readReadings(reader, streams, keys)
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

/** Whether all hours of the steps are there, and all readings of the hours that a step divides. */
function checkSteps(streams: readonly Stream[], edges: readonly number[], expiry: Expiry): Result<void> {
  const divided = edges.find((ms) => ms !== hourStart(ms))
  for (const stream of streams) {
    const hours = expiry.hoursAt(stream, edges[0]!)
    if (!hours.ok) return hours
    const readings = divided === undefined ? hours : expiry.readingsAt(stream, hourStart(divided))
    if (!readings.ok) return readings
  }
  return ok(undefined)
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
