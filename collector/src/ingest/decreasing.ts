import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { STREAM_ID_BYTES } from '@vouch/proto/wire/body.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'
import type { EpochKey, LastReading } from '../ports.ts'

/** First and last reading of one segment. */
export interface SegmentEnds extends EpochKey {
  /** Name of (stream, epoch) for maps. */
  readonly key: string
  readonly first: LastReading
  readonly last: LastReading
}

/** The ends of every segment; within a segment nothing can decrease. `keys` name the batch's streams. */
export function segmentEnds(columns: Columns, keys: readonly string[]): SegmentEnds[] {
  const ends: SegmentEnds[] = []
  let at = 0
  columns.segmentRows.forEach((rows, segment) => {
    const stream = columns.segmentStream[segment]!
    const offset = stream * STREAM_ID_BYTES
    const streamId = columns.streamIds.subarray(offset, offset + STREAM_ID_BYTES)
    const epoch = columns.segmentEpoch[segment]!
    const reading = (row: number): LastReading => ({
      timeMs: columns.timeMs[row]!,
      register: columns.register[row]!,
    })
    ends.push({
      streamId,
      epoch,
      key: `${keys[stream]}${epoch}`,
      first: reading(at),
      last: reading(at + rows - 1),
    })
    at += rows
  })
  return ends
}

/**
 * Checks that registers never fall within an epoch: against the newest readings known, and from
 * segment to segment. Returns the newest readings afterwards. Faults: READING_DECREASING.
 */
export function checkRising(
  ends: readonly SegmentEnds[],
  newest: ReadonlyMap<string, LastReading>,
): Result<ReadonlyMap<string, LastReading>> {
  const after = new Map<string, LastReading>()
  for (const { key, streamId, first, last } of ends) {
    const known = after.get(key) ?? newest.get(key)
    if (known !== undefined && (contradicts(first, known) || contradicts(last, known))) {
      return fail(
        'READING_DECREASING',
        `stream ${streamId.toHex()} stood at ${known.register} and came with ${first.register}..${last.register} in the same epoch; a reset must open a new epoch`,
      )
    }
    if (known === undefined || last.timeMs > known.timeMs) after.set(key, last)
  }
  return ok(after)
}

function contradicts(reading: LastReading, known: LastReading): boolean {
  if (reading.timeMs > known.timeMs) return reading.register < known.register
  if (reading.timeMs < known.timeMs) return reading.register > known.register
  return reading.register !== known.register
}
