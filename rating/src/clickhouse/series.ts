import { type Result, ok } from '@vouch/proto/kernel/fault.ts'
import type { StreamSeries } from '../rate/ports.ts'
import { growth, minutesBetween, stepsOfSplitHours } from '../usage/series.ts'
import type { Extremes } from '../usage/series.ts'
import type { Stream } from '../usage/stream-usage.ts'
import { readInParts } from './in-parts.ts'
import { type Reader, type Row, bigintOf, integerOf, textOf } from './reader.ts'
import { coveredQuery, extremesQuery, nearestQuery, spanningQuery } from './series-query.ts'

const STREAMS_PER_QUERY = 10_000
/** Around a period, in which the readings next to its ends are looked for first. */
const AROUND_MS = 3 * 3_600_000

type Step = Extremes & { readonly step: number }

/** An epoch with what is known of it. */
interface Epoch {
  readonly streamId: string
  readonly epoch: bigint
  readonly steps: readonly Step[]
}

/** Growth of streams in the steps between edges, epochs added up; streams without any reading are left out. */
export async function readSeries(
  reader: Reader,
  streams: readonly Stream[],
  edges: readonly number[],
): Promise<Result<StreamSeries[]>> {
  // In the order of the lattice, so that no two questions read the same rows.
  const ordered = streams.toSorted((a, b) => (a.streamId < b.streamId ? -1 : 1))
  const parts = await readInParts(ordered, STREAMS_PER_QUERY, (part) => readPart(reader, part, edges))
  return parts.ok ? ok(parts.value.flat()) : parts
}

async function readPart(
  reader: Reader,
  streams: readonly Stream[],
  edges: readonly number[],
): Promise<Result<StreamSeries[]>> {
  const own = streams.map(({ streamId }) => streamId)
  const epochs = await readEpochSteps(reader, own, edges)
  if (!epochs.ok) return epochs
  const byStream = Map.groupBy(epochs.value, ({ streamId }) => streamId)
  return ok(
    streams.flatMap((stream) => {
      const lives = byStream.get(stream.streamId)
      if (lives === undefined) return []
      const times = lives.map(({ steps }) => ({ from: steps[0]!.firstMs, to: steps.at(-1)!.lastMs }))
      return [{ stream, lives: times, steps: sumOf(lives, edges) }]
    }),
  )
}

/** Minutes of the clock in which something was sampled, by stream id, for each step between edges. */
export async function readCovered(
  reader: Reader,
  streams: readonly Stream[],
  edges: readonly number[],
): Promise<Result<ReadonlyMap<string, readonly number[]>>> {
  const minutes = new Map<string, number[]>()
  const stepOf = new Map(edges.map((ms, step) => [ms, step]))
  const split = stepsOfSplitHours(edges)
  const ordered = streams.map(({ streamId }) => streamId).toSorted()
  const parts = await readInParts(ordered, STREAMS_PER_QUERY, (part) =>
    reader.rows(coveredQuery(part, edges)),
  )
  if (!parts.ok) return parts
  for (const row of parts.value.flat()) {
    const id = textOf(row, 'streamId')
    const own = minutes.get(id) ?? edges.slice(1).map(() => 0)
    minutes.set(id, own)
    const place = integerOf(row, 'place')
    const within = split.get(place)
    if (within === undefined) own[stepOf.get(place)!]! += integerOf(row, 'minutes')
    const bits = within === undefined ? 0n : bigintOf(row, 'together')
    for (const step of within ?? [])
      own[step]! += minutesBetween(bits, { from: edges[step]! - place, to: edges[step + 1]! - place })
  }
  return ok(minutes)
}

/** The growth of all epochs in each step, and whether any of them was measured in it. */
function sumOf(epochs: readonly Epoch[], edges: readonly number[]) {
  const sums = edges.slice(1).map(() => ({ quantity: 0n, isMeasured: false }))
  for (const { steps } of epochs) {
    const [from, to] = [steps[0]!.firstMs, steps.at(-1)!.lastMs]
    for (const [step, quantity] of growth(edges, steps).entries()) {
      const sum = sums[step]!
      sum.quantity += quantity
      sum.isMeasured ||= Math.max(from, edges[step]!) < Math.min(to, edges[step + 1]!)
    }
  }
  return sums
}

async function readEpochSteps(
  reader: Reader,
  streamIds: readonly string[],
  edges: readonly number[],
): Promise<Result<Epoch[]>> {
  const stepOf = new Map(edges.map((ms, step) => [ms, step]))
  const rows = await reader.binary(extremesQuery(streamIds, edges, AROUND_MS), (row): Epoch => {
    const stepOfRow = (): Step => ({
      step: stepOf.get(row.integer()) ?? -1,
      firstMs: row.integer(),
      lastMs: row.integer(),
      firstRegister: row.uint64(),
      lastRegister: row.uint64(),
    })
    return { streamId: row.hex(16), epoch: row.uint64(), steps: row.list(stepOfRow) }
  })
  if (!rows.ok) return rows
  const seen = rows.value
  const heard = new Set(seen.map(({ streamId }) => streamId))
  const silent = streamIds.filter((id) => !heard.has(id))
  const spanning = await readSpanning(reader, silent, edges)
  if (!spanning.ok) return spanning
  const epochs = [...seen, ...spanning.value]
  const last = edges.length - 1
  const open = epochs.filter(({ steps }) => (steps[0]?.step ?? 0) >= 0)
  const going = epochs.filter(({ steps }) => (steps.at(-1)?.step ?? 0) < last)
  const [before, after] = await Promise.all([
    nearest(reader, open, 'before', edges[0]! - AROUND_MS),
    nearest(reader, going, 'after', edges[last]! + AROUND_MS),
  ])
  if (!before.ok) return before
  if (!after.ok) return after
  return ok(
    epochs
      .map((epoch) => withNearest(epoch, before.value, after.value, last))
      // What lies before or after alone measured nothing in between.
      .filter(({ steps }) => steps[0]!.step < last && steps.at(-1)!.step >= 0),
  )
}

function withNearest(
  epoch: Epoch,
  before: ReadonlyMap<string, Extremes>,
  after: ReadonlyMap<string, Extremes>,
  last: number,
): Epoch {
  if (before.size === 0 && after.size === 0) return epoch
  const key = `${epoch.streamId} ${epoch.epoch}`
  const [earlier, later] = [before.get(key), after.get(key)]
  return {
    ...epoch,
    steps: [
      ...(earlier === undefined ? [] : [{ step: -1, ...earlier }]),
      ...epoch.steps,
      ...(later === undefined ? [] : [{ step: last, ...later }]),
    ],
  }
}

/** Epochs of streams that were silent all the time, but measured before and after it: without steps yet. */
async function readSpanning(
  reader: Reader,
  streamIds: readonly string[],
  edges: readonly number[],
): Promise<Result<Epoch[]>> {
  const [from, to] = [edges[0]! - AROUND_MS, edges.at(-1)! + AROUND_MS]
  if (streamIds.length === 0 || from <= 0) return ok([])
  const rows = await reader.rows(spanningQuery(streamIds, from, to))
  if (!rows.ok) return rows
  return ok(
    rows.value.map((row) => ({
      streamId: textOf(row, 'streamId'),
      epoch: bigintOf(row, 'epoch'),
      steps: [],
    })),
  )
}

async function nearest(
  reader: Reader,
  epochs: readonly Epoch[],
  side: 'before' | 'after',
  atMs: number,
): Promise<Result<Map<string, Extremes>>> {
  if (epochs.length === 0 || atMs <= 0) return ok(new Map())
  const rows = await reader.rows(nearestQuery(epochs, side, atMs))
  if (!rows.ok) return rows
  return ok(
    new Map(rows.value.map((row) => [`${textOf(row, 'streamId')} ${textOf(row, 'epoch')}`, extremesOf(row)])),
  )
}

function extremesOf(row: Row): Extremes {
  return {
    firstMs: integerOf(row, 'firstMs'),
    lastMs: integerOf(row, 'lastMs'),
    firstRegister: bigintOf(row, 'firstRegister'),
    lastRegister: bigintOf(row, 'lastRegister'),
  }
}
