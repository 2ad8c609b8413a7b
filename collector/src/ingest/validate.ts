import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'
import { wordsOf } from './words.ts'

/** Bounds of a reading. */
export interface ReadingLimits {
  /** Ahead of the collector's clock, milliseconds. */
  readonly futureMaxMs: number
  /** Behind the collector's clock, milliseconds. */
  readonly ageMaxMs: number
  /** Longest span of a reading, milliseconds. */
  readonly spanMaxMs: number
}

/**
 * Checks decoded readings against the clock and the bounds. Segments ascend in time, so their ends stand for
 * all of their readings. Faults: READING_IN_FUTURE, READING_TOO_OLD, READING_MALFORMED.
 */
export function validateReadings(columns: Columns, nowMs: number, limits: ReadingLimits): Result<void> {
  const latest = BigInt(nowMs + limits.futureMaxMs)
  const timed = validateTimes(columns, nowMs, limits)
  if (!timed.ok) return timed
  const { spanMs } = columns
  for (let row = 0; row < spanMs.length; row++) {
    if (spanMs[row]! <= limits.spanMaxMs) continue
    const claim = `row ${row} claims a span of ${spanMs[row]} ms`
    return fail('READING_MALFORMED', `${claim}; at most ${limits.spanMaxMs}`)
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

function validateTimes({ timeMs, segmentRows }: Columns, nowMs: number, limits: ReadingLimits): Result<void> {
  const times = wordsOf(timeMs)
  const latestMs = nowMs + limits.futureMaxMs
  const earliestMs = Math.max(0, nowMs - limits.ageMaxMs)
  let at = 0
  for (let segment = 0; segment < segmentRows.length; segment++) {
    const firstMs = safeInteger(times, at)
    at += segmentRows[segment]!
    const lastMs = safeInteger(times, at - 1)
    if (lastMs > latestMs) {
      const message = `a reading of ${instant(lastMs)} is ahead of ${instant(nowMs)}; set the host's clock`
      return fail('READING_IN_FUTURE', message)
    }
    if (firstMs < earliestMs) {
      const message = `a reading of ${instant(firstMs)} is before ${instant(earliestMs)}, the earliest accepted`
      return fail('READING_TOO_OLD', message)
    }
  }
  return ok(undefined)
}

/** Times are below 2^53, as decoding has made sure. */
function safeInteger(words: Uint32Array, row: number): number {
  return words[row * 2]! + words[row * 2 + 1]! * 0x1_0000_0000
}

/** Text of a time that may be beyond what a calendar can show. */
function instant(timeMs: number): string {
  return timeMs < 8_640_000_000_000_000 ? formatInstant(timeMs) : `${timeMs} ms`
}
