import { type Interval, clip, lengthMs, subtract, union } from './interval.ts'

/** A stretch of time that readings do not cover: nothing measured, or measured at an unknown place. */
export interface Gap extends Interval {
  readonly kind: 'missing' | 'spread'
}

/** How much of a period readings cover; the three add up to the period. */
export interface Coverage {
  readonly coveredMs: number
  readonly spreadMs: number
  readonly missingMs: number
  /** The uncovered stretches in order. */
  readonly gaps: readonly Gap[]
}

/** What one epoch contributes: where it has readings on both sides, and the holes in that. */
export interface Measured {
  readonly part: Interval
  readonly holes: readonly Interval[]
}

/** What coverage needs of a reading. */
export interface Sample {
  readonly timeMs: number
  /** Milliseconds directly before it that were sampled at cadence. */
  readonly spanMs: number
}

/**
 * The uncovered steps between readings of one epoch, in any order and with repetitions. A span
 * counts back to the reading before at most.
 */
export function holesOf(samples: readonly Sample[]): Interval[] {
  const spans = new Map(samples.map(({ timeMs, spanMs }) => [timeMs, spanMs]))
  const times = [...spans.keys()].toSorted((a, b) => a - b)
  return times
    .slice(1)
    .map((time, i) => ({ from: times[i]!, to: time - spans.get(time)! }))
    .filter((hole) => hole.from < hole.to)
}

/** Coverage of a period: inside an epoch a hole is spread, outside of all epochs time is missing. */
export function coverage(period: Interval, epochs: readonly Measured[]): Coverage {
  const parts = epochs.map(({ part, holes }) => ({ part: clip(part, period), holes }))
  const measured = union(parts.map(({ part }) => part))
  const covered = union(
    parts.flatMap(({ part, holes }) => subtract(union([part]), union(holes.map((hole) => clip(hole, part))))),
  )
  const spread = subtract(measured, covered)
  const missing = subtract(union([period]), measured)
  const gaps = [
    ...spread.map((i): Gap => ({ ...i, kind: 'spread' })),
    ...missing.map((i): Gap => ({ ...i, kind: 'missing' })),
  ].toSorted((a, b) => a.from - b.from)
  return { coveredMs: lengthMs(covered), spreadMs: lengthMs(spread), missingMs: lengthMs(missing), gaps }
}
