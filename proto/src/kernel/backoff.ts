/** The bounds of the pauses between attempts, milliseconds. */
export interface BackoffBounds {
  readonly baseMs: number
  readonly capMs: number
}

/** An attempt number beyond this doubles nothing any more. */
const DOUBLINGS_MAX = 30

/**
 * Pause before attempt `attempt` (counted from 0): full jitter, evenly from 0 to
 * min(cap, base × 2^attempt). `random` is in [0, 1). A fleet that lost its collector together does
 * not come back together.
 */
export function backoffMs(attempt: number, random: number, { baseMs, capMs }: BackoffBounds): number {
  const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(attempt, DOUBLINGS_MAX))
  return Math.floor(random * (ceiling + 1))
}
