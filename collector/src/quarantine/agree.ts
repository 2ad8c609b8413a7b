import { STREAM_ID_BYTES } from '@vouch/proto/wire/body.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'

/** Readings of one epoch in ascending time; what is stored may name a time twice. */
export interface Run {
  /** Epoch milliseconds. */
  readonly timeMs: BigUint64Array
  readonly register: BigUint64Array
}

/** A stretch of an epoch, both ends included. */
export interface EpochRange {
  readonly streamId: Uint8Array
  readonly epoch: bigint
  readonly fromMs: bigint
  readonly toMs: bigint
}

/** The readings of one segment of a batch. */
export interface Segment extends EpochRange {
  /** Name of (stream, epoch) for maps. */
  readonly key: string
  readonly run: Run
}

/** The segments of a batch; `keys` name its streams. */
export function segmentsOf(columns: Columns, keys: readonly string[]): Segment[] {
  const segments: Segment[] = []
  let at = 0
  columns.segmentRows.forEach((rows, index) => {
    const stream = columns.segmentStream[index]!
    const epoch = columns.segmentEpoch[index]!
    const offset = stream * STREAM_ID_BYTES
    segments.push({
      streamId: columns.streamIds.subarray(offset, offset + STREAM_ID_BYTES),
      epoch,
      key: `${keys[stream]}${epoch}`,
      fromMs: columns.timeMs[at]!,
      toMs: columns.timeMs[at + rows - 1]!,
      run: {
        timeMs: columns.timeMs.subarray(at, at + rows),
        register: columns.register.subarray(at, at + rows),
      },
    })
    at += rows
  })
  return segments
}

/** One range an epoch, wide enough for all of these segments. */
export function rangesOf(segments: readonly Segment[]): ReadonlyMap<string, EpochRange> {
  const ranges = new Map<string, EpochRange>()
  for (const { key, streamId, epoch, fromMs, toMs } of segments) {
    const known = ranges.get(key)
    ranges.set(key, {
      streamId,
      epoch,
      fromMs: known === undefined || fromMs < known.fromMs ? fromMs : known.fromMs,
      toMs: known === undefined || toMs > known.toMs ? toMs : known.toMs,
    })
  }
  return ranges
}

/** Whether two runs of one epoch, put together, are still one register that never falls. */
export function agree(left: Run, right: Run): boolean {
  const lefts = left.timeMs.length
  const rights = right.timeMs.length
  if (lefts === 0 || rights === 0) return true
  if (left.timeMs[lefts - 1]! < right.timeMs[0]!) return left.register[lefts - 1]! <= right.register[0]!
  if (right.timeMs[rights - 1]! < left.timeMs[0]!) return right.register[rights - 1]! <= left.register[0]!
  let [atLeft, atRight] = [0, 0]
  while (atLeft < lefts && atRight < rights) {
    const [leftMs, rightMs] = [left.timeMs[atLeft]!, right.timeMs[atRight]!]
    const [leftAt, rightAt] = [left.register[atLeft]!, right.register[atRight]!]
    if (leftMs === rightMs ? leftAt !== rightAt : leftMs < rightMs ? leftAt > rightAt : rightAt > leftAt)
      return false
    // Of equal times one side goes on only: the other may name the same time once more.
    if (leftMs <= rightMs) atLeft++
    else atRight++
  }
  return true
}

/** Both runs as one, in ascending time; equal readings stay twice. */
export function merge(left: Run, right: Run): Run {
  const rows = left.timeMs.length + right.timeMs.length
  const timeMs = new BigUint64Array(rows)
  const register = new BigUint64Array(rows)
  let [atLeft, atRight] = [0, 0]
  for (let at = 0; at < rows; at++) {
    const isLeft =
      atRight === right.timeMs.length ||
      (atLeft < left.timeMs.length && left.timeMs[atLeft]! <= right.timeMs[atRight]!)
    const [from, index] = isLeft ? [left, atLeft++] : [right, atRight++]
    timeMs[at] = from.timeMs[index]!
    register[at] = from.register[index]!
  }
  return { timeMs, register }
}

/**
 * Adds segments to what is known of their epochs, all or none: returns the first that contradicts it.
 * `known` is changed only where none does.
 */
export function join(known: Map<string, Run>, segments: readonly Segment[]): Segment | undefined {
  const joined = new Map<string, Run>()
  for (const segment of segments) {
    const { key, run } = segment
    const there = joined.get(key) ?? known.get(key)
    if (there !== undefined && !agree(there, run)) return segment
    joined.set(key, there === undefined ? run : merge(there, run))
  }
  for (const [key, run] of joined) known.set(key, run)
  return undefined
}
