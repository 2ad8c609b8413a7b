/** One instant on the agent's three clocks, and its label on the agent's timeline. */
export interface Moment {
  /** Label: epoch milliseconds on the timeline. */
  readonly timeMs: number
  /** Monotonic milliseconds. */
  readonly monotonicMs: number
  /** Boot-time milliseconds. */
  readonly boottimeMs: number
  /** Counts the looks of this run from 1. */
  readonly look: number
  /** Whether the look before was one cadence ago: no stall, no suspend. */
  readonly continuous: boolean
}

/** What the clocks say. */
export interface ClockReading {
  readonly wallMs: number
  readonly monotonicMs: number
  readonly boottimeMs: number
}

/** How far the wall clock may stray from the timeline before the timeline follows, milliseconds. */
export const CLOCK_TOLERANCE_MS = 1000

/** A look later than this many cadences after the one before is a stall. */
const STALL_CADENCES = 2

/** Labels instants: the wall clock anchored to the monotonic one. */
export interface Timeline {
  /** Label minus monotonic time. */
  readonly anchorMs: number
  readonly last: Moment | undefined
}

/**
 * The next moment of a run. Between steps of the wall clock the label runs with the monotonic
 * clock, so a clock that is slewed or read late cannot bend durations. Where the wall clock strays
 * by more than the tolerance (a step, a suspend) the label follows it, in either direction; what a
 * step back means for a register is the register's rule.
 */
export function nextMoment(
  timeline: Timeline | undefined,
  now: ClockReading,
  cadenceMs: number,
): { readonly timeline: Timeline; readonly moment: Moment } {
  const offset = now.wallMs - now.monotonicMs
  const kept = timeline !== undefined && Math.abs(offset - timeline.anchorMs) <= CLOCK_TOLERANCE_MS
  const anchorMs = kept ? timeline.anchorMs : offset
  const last = timeline?.last
  const moment: Moment = {
    timeMs: anchorMs + now.monotonicMs,
    monotonicMs: now.monotonicMs,
    boottimeMs: now.boottimeMs,
    look: (last?.look ?? 0) + 1,
    continuous: last !== undefined && isContinuous(last, now, cadenceMs),
  }
  return { timeline: { anchorMs, last: moment }, moment }
}

function isContinuous(last: Moment, now: ClockReading, cadenceMs: number): boolean {
  const elapsed = now.monotonicMs - last.monotonicMs
  const suspended = now.boottimeMs - last.boottimeMs - elapsed
  return elapsed <= STALL_CADENCES * cadenceMs && suspended <= CLOCK_TOLERANCE_MS
}
