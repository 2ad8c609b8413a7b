/** Half-open stretch of time [from, to), milliseconds since 1970. */
export interface Interval {
  readonly from: number
  readonly to: number
}

/** The same instants as disjoint, non-touching stretches in ascending order; empty ones vanish. */
export function union(intervals: readonly Interval[]): Interval[] {
  const sorted = intervals.filter((i) => i.from < i.to).toSorted((a, b) => a.from - b.from)
  const merged: { from: number; to: number }[] = []
  for (const { from, to } of sorted) {
    const last = merged.at(-1)
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to)
    else merged.push({ from, to })
  }
  return merged
}

/** Instants of `whole` that are not in `part`; both disjoint and ascending, as `union` returns them. */
export function subtract(whole: readonly Interval[], part: readonly Interval[]): Interval[] {
  const rest: Interval[] = []
  let next = 0
  for (const { from, to } of whole) {
    let start = from
    while (next < part.length && part[next]!.to <= start) next += 1
    for (let i = next; i < part.length && part[i]!.from < to; i += 1) {
      if (start < part[i]!.from) rest.push({ from: start, to: part[i]!.from })
      start = Math.max(start, part[i]!.to)
    }
    if (start < to) rest.push({ from: start, to })
  }
  return rest
}

/** The part of an interval inside the bounds; possibly empty (from ≥ to). */
export function clip(interval: Interval, bounds: Interval): Interval {
  return { from: Math.max(interval.from, bounds.from), to: Math.min(interval.to, bounds.to) }
}

/** Milliseconds in disjoint intervals. */
export function lengthMs(intervals: readonly Interval[]): number {
  return intervals.reduce((sum, { from, to }) => sum + (to - from), 0)
}
