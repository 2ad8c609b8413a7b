import { fail, ok } from './fault.ts'
import type { Result } from './fault.ts'

/** The last instant that can be kept: the end of the year 9999, in epoch milliseconds. The first is 0. */
export const INSTANT_MAX_MS = 253_402_300_799_999

/** Whether the number is an instant: whole epoch milliseconds from 1970 to 9999. */
export function isInstant(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms >= 0 && ms <= INSTANT_MAX_MS
}

// Temporal reads far more forms than RFC 3339 has, and turns second 60 into 59.
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:[0-5]\d(?:\.\d{1,3})?(?:Z|[+-]\d\d:[0-5]\d)$/

/**
 * Reads an RFC 3339 instant with offset, at most milliseconds, from 1970 to 9999, as epoch milliseconds.
 * Faults: INSTANT_INVALID.
 */
export function parseInstant(rfc3339: string): Result<number> {
  const ms = INSTANT.test(rfc3339) ? epochMs(rfc3339) : undefined
  if (ms !== undefined && isInstant(ms)) return ok(ms)
  return fail('INSTANT_INVALID', 'write an instant with its offset, such as "2026-03-01T00:00:00Z"')
}

/** RFC 3339 in UTC with "Z"; milliseconds only where they are not zero. Throws outside of 1970 to 9999. */
export function formatInstant(ms: number): string {
  if (!isInstant(ms)) throw new RangeError(`${ms} is not an instant in epoch milliseconds`)
  const text = new Date(ms).toISOString()
  return text.endsWith('.000Z') ? `${text.slice(0, -5)}Z` : text
}

function epochMs(text: string): number | undefined {
  try {
    return Temporal.Instant.from(text).epochMilliseconds
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}
