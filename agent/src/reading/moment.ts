/** One instant on the agent's three clocks, and its label on the agent's timeline. */
export interface Moment {
  /** Label: epoch milliseconds on the timeline. */
  readonly timeMs: number
  /** Monotonic milliseconds. */
  readonly monotonicMs: number
  /** Boot-time milliseconds. */
  readonly boottimeMs: number
  /** Counts the looks of this run from 1, over all tracks. */
  readonly look: number
  /** The look before in the same track; 0 = it is the track's first. */
  readonly previous: number
  /** Whether the look before was one cadence ago: no stall, no suspend. */
  readonly continuous: boolean
}

/** What the clocks say, whole milliseconds. */
export interface Instant {
  readonly wallMs: number
  readonly monotonicMs: number
  readonly boottimeMs: number
}

/** How far the wall clock may stray from the timeline before the timeline follows, milliseconds. */
export const CLOCK_TOLERANCE_MS = 1000

/** A look later than this many cadences after the one before is a stall. */
const STALL_CADENCES = 2

/** The instant at which the wall clock said `wallMs`, as far as the clocks ran evenly since; never after `now`. */
export function instantAt(wallMs: number, now: Instant): Instant {
  const agoMs = Math.max(0, now.wallMs - wallMs)
  return {
    wallMs: now.wallMs - agoMs,
    monotonicMs: now.monotonicMs - agoMs,
    boottimeMs: now.boottimeMs - agoMs,
  }
}

/**
 * Labels the instants of a run: the wall clock anchored to the monotonic one. Between steps of the wall clock the
 * label runs with the monotonic clock, so a clock that is slewed or read late cannot bend durations. Where the wall
 * clock strays by more than the tolerance (a step, a suspend) the label follows it, in either direction; what a
 * step back means for a register is the register's rule. Looks follow one another in tracks, each with a cadence of
 * its own; a look across a stall or a suspend does not continue the one before.
 */
export class Timeline {
  /** Label minus monotonic time. */
  #anchorMs: number | undefined
  #looks = 0
  readonly #tracks = new Map<string, Moment>()

  /** The next moment of a track; undefined where it is not after the last one: it would measure nothing new. */
  next(track: string, now: Instant, cadenceMs: number): Moment | undefined {
    const last = this.#tracks.get(track)
    if (last !== undefined && now.monotonicMs <= last.monotonicMs) return undefined
    const offset = now.wallMs - now.monotonicMs
    const kept = this.#anchorMs !== undefined && Math.abs(offset - this.#anchorMs) <= CLOCK_TOLERANCE_MS
    const anchorMs = kept ? this.#anchorMs! : offset
    this.#anchorMs = anchorMs
    this.#looks += 1
    const moment: Moment = {
      timeMs: anchorMs + now.monotonicMs,
      monotonicMs: now.monotonicMs,
      boottimeMs: now.boottimeMs,
      look: this.#looks,
      previous: last?.look ?? 0,
      continuous: last !== undefined && isContinuous(last, now, cadenceMs),
    }
    this.#tracks.set(track, moment)
    return moment
  }

  /** Ends a track: a look under its name would be the first of another one. */
  end(track: string): void {
    this.#tracks.delete(track)
  }
}

function isContinuous(last: Moment, now: Instant, cadenceMs: number): boolean {
  const elapsed = now.monotonicMs - last.monotonicMs
  const suspended = now.boottimeMs - last.boottimeMs - elapsed
  return elapsed <= STALL_CADENCES * cadenceMs && suspended <= CLOCK_TOLERANCE_MS
}
