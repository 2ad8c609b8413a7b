import type { EpochUsage, StreamUsage } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { type Interval, clip, subtract, union } from '../usage/interval.ts'
import { mismatch } from './mismatch.ts'
import type { Archive } from './readings.ts'

/** Consecutive readings of one epoch in one batch. */
interface Segment {
  readonly batch: string
  readonly epoch: bigint
  readonly times: readonly number[]
  readonly spans: readonly number[]
}

/**
 * Checks that no other reading in the batches of the proof speaks against a usage: an epoch left out,
 * a reading between two that are shown as neighbours, a hole between readings that no gap lists.
 */
export function checkNotContradicted(
  path: string,
  usage: StreamUsage,
  period: Interval,
  archive: Archive,
): void {
  const listed = new Map(
    usage.epochs.map((epoch, i) => [epoch.epoch, { epoch, path: `${path}.epochs[${i}]` }]),
  )
  const parts = usage.epochs.map(({ opening, closing }) => ({
    from: Number(opening!.atMs),
    to: Number(closing!.atMs),
  }))
  const gaps = union(
    (usage.coverage?.gaps ?? []).map(({ fromMs, toMs }) => ({ from: Number(fromMs), to: Number(toMs) })),
  )
  for (const segment of segmentsOf(toHex(usage.streamId), archive)) {
    const own = listed.get(segment.epoch)
    const [first, last] = [segment.times[0]!, segment.times.at(-1)!]
    if (own === undefined) {
      if (Math.max(first, period.from) >= Math.min(last, period.to)) continue
      mismatch(
        `${path}.epochs`,
        `${segment.batch} has readings of epoch ${segment.epoch} in the period, which is left out`,
      )
    }
    checkNeighbours(own.path, own.epoch, segment, period)
    // Where epochs overlap in time, another one may cover this one's hole.
    if (union(parts).length === parts.length) checkHoles(path, own.epoch, segment, gaps)
  }
}

function* segmentsOf(stream: string, archive: Archive): Generator<Segment> {
  for (const { batch, columns, streamIds, starts } of archive.values()) {
    const index = streamIds.indexOf(stream)
    if (index < 0) continue
    for (const [i, start] of starts.entries()) {
      if (columns.segmentStream[i] !== index) continue
      const end = start + columns.segmentRows[i]!
      const times = Array.from(columns.timeMs.subarray(start, end), Number)
      yield {
        batch: batch.path,
        epoch: columns.segmentEpoch[i]!,
        times,
        spans: [...columns.spanMs.subarray(start, end)],
      }
    }
  }
}

function checkNeighbours(
  path: string,
  { opening, closing, cuts }: EpochUsage,
  { batch, times }: Segment,
  period: Interval,
): void {
  for (const [name, boundary] of [
    ['opening', opening],
    ['closing', closing],
    ...cuts.map((cut, i) => [`cuts[${i}]`, cut] as const),
  ] as const) {
    const before = Number(boundary?.before?.timeMs)
    const after = boundary?.after === undefined ? before : Number(boundary.after.timeMs)
    const between = times.find((time) => time > before && time < after)
    if (between !== undefined) mismatch(`${path}.${name}`, `${batch} has a nearer reading, at ${between}`)
  }
  const [from, to] = [Number(opening?.atMs), Number(closing?.atMs)]
  const earlier = times.find((time) => time < from)
  const later = times.findLast((time) => time > to)
  if (from > period.from && earlier !== undefined)
    mismatch(`${path}.opening`, `${batch} has an earlier reading, at ${earlier}`)
  if (to < period.to && later !== undefined)
    mismatch(`${path}.closing`, `${batch} has a later reading, at ${later}`)
}

function checkHoles(
  path: string,
  epoch: EpochUsage,
  { batch, times, spans }: Segment,
  gaps: readonly Interval[],
): void {
  const part = { from: Number(epoch.opening?.atMs), to: Number(epoch.closing?.atMs) }
  for (const [i, time] of times.entries()) {
    const previous = times[i - 1]
    if (previous === undefined) continue
    const covered = clip({ from: Math.max(previous, time - spans[i]!), to: time }, part)
    const hole = clip({ from: previous, to: time - spans[i]! }, part)
    const hidden = subtract(union([hole]), gaps)[0]
    if (hidden !== undefined)
      mismatch(
        `${path}.coverage`,
        `${batch} shows a gap from ${hidden.from} to ${hidden.to} that is not listed`,
      )
    const denied = gaps.find((gap) => Math.max(gap.from, covered.from) < Math.min(gap.to, covered.to))
    if (denied !== undefined)
      mismatch(`${path}.coverage`, `${batch} covers part of the gap from ${denied.from} to ${denied.to}`)
  }
}
