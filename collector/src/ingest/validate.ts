import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { STREAM_ID_BYTES } from '@vouch/proto/wire/body.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'

/** Bounds of a reading. */
export interface ReadingLimits {
  /** Ahead of the collector's clock, milliseconds. */
  readonly futureMaxMs: number
  /** Behind the collector's clock, milliseconds. */
  readonly ageMaxMs: number
  /** Longest span of a reading, milliseconds. */
  readonly spanMaxMs: number
}

/** A stream id as a map key, one character a byte. */
export function streamKey(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1')
}

/** The keys of all streams of a batch, in its order. */
export function streamKeys({ streamIds }: Columns): string[] {
  const joined = streamKey(streamIds)
  return Array.from({ length: joined.length / STREAM_ID_BYTES }, (_, index) =>
    joined.slice(index * STREAM_ID_BYTES, (index + 1) * STREAM_ID_BYTES),
  )
}

/**
 * Checks decoded readings against the streams declared, the clock and the bounds. Segments ascend in
 * time, so their ends stand for all of their readings.
 * Faults: STREAM_UNDECLARED, READING_IN_FUTURE, READING_TOO_OLD, READING_MALFORMED.
 */
export function validateReadings(
  columns: Columns,
  keys: readonly string[],
  declared: { has(key: string): boolean },
  nowMs: number,
  limits: ReadingLimits,
): Result<void> {
  const undeclared = keys.find((key) => !declared.has(key))
  if (undeclared !== undefined) {
    const name = Buffer.from(undeclared, 'latin1').toHex()
    return fail('STREAM_UNDECLARED', `stream ${name} was not declared on this connection; declare it first`)
  }
  const latest = BigInt(nowMs + limits.futureMaxMs)
  const earliest = BigInt(Math.max(0, nowMs - limits.ageMaxMs))
  let at = 0
  for (const rows of columns.segmentRows) {
    const first = columns.timeMs[at]!
    at += rows
    const last = columns.timeMs[at - 1]!
    if (last > latest) {
      return fail(
        'READING_IN_FUTURE',
        `a reading of ${instant(last)} is ahead of ${instant(BigInt(nowMs))}; set the host's clock`,
      )
    }
    if (first < earliest) {
      return fail(
        'READING_TOO_OLD',
        `a reading of ${instant(first)} is before ${instant(earliest)}, the earliest accepted`,
      )
    }
  }
  const wide = columns.spanMs.findIndex((span) => span > limits.spanMaxMs)
  if (wide >= 0) {
    const span = columns.spanMs[wide]
    return fail('READING_MALFORMED', `row ${wide} claims a span of ${span} ms; at most ${limits.spanMaxMs}`)
  }
  const loss = columns.losses.find(({ fromMs, toMs }) => fromMs < 0n || toMs < fromMs || toMs > latest)
  if (loss !== undefined) {
    return fail(
      'READING_MALFORMED',
      `a loss from ${loss.fromMs} to ${loss.toMs} ms is not an interval of the past`,
    )
  }
  return ok(undefined)
}

/** Text of a time that may be beyond what a calendar can show. */
function instant(timeMs: bigint): string {
  return timeMs < 8_640_000_000_000_000n ? formatInstant(Number(timeMs)) : `${timeMs} ms`
}
