import { hourStart } from '@vouch/proto/kernel/period.ts'
import { registerAt } from './boundary.ts'
import type { Interval } from './interval.ts'

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

/** The first and the last reading of an epoch in a step of time. */
export interface Extremes {
  readonly firstMs: number
  readonly lastMs: number
  readonly firstRegister: bigint
  readonly lastRegister: bigint
}

/**
 * What a register grew in each step between consecutive edges. `known` has the extremes of each step that has readings, those of before the
 * first edge at -1 and of after the last at `edges.length - 1`, in ascending order of steps. Registers at edges are those of
 * {@link registerAt}, so the steps add up to the growth between the first edge and the last.
 */
export function growth(
  edges: readonly number[],
  known: readonly (Extremes & { readonly step: number })[],
): bigint[] {
  const registers = registersAt(edges, known)
  return edges.slice(1).map((_, step) => registers[step + 1]! - registers[step]!)
}

/** The register at each edge; before the epoch's first reading it is that of the first, after its last that of the last. */
function registersAt(
  edges: readonly number[],
  known: readonly (Extremes & { readonly step: number })[],
): bigint[] {
  let next = 0
  return edges.map((at, edge) => {
    while (next < known.length && known[next]!.step < edge) next += 1
    const [before, after] = [known[next - 1], known[next]]
    if (before === undefined) return after!.firstRegister
    if (after === undefined) return before.lastRegister
    // A reading at the very edge is the first of the step that begins there.
    if (after.firstMs === at) return after.firstRegister
    return registerAt(
      at,
      { timeMs: before.lastMs, register: before.lastRegister },
      { timeMs: after.firstMs, register: after.firstRegister },
    )
  })
}

/** The hours inside of which an edge lies, with the steps that touch each, by their places. */
export function stepsOfSplitHours(edges: readonly number[]): ReadonlyMap<number, readonly number[]> {
  const found = new Map<number, number[]>()
  for (const at of edges) if (at % HOUR_MS !== 0) found.set(hourStart(at), [])
  edges.slice(1).forEach((to, step) => {
    // A step touches a split hour only where it begins or ends in it: otherwise no edge would lie inside.
    for (const hour of new Set([hourStart(edges[step]!), hourStart(to - 1)])) found.get(hour)?.push(step)
  })
  return found
}

/** How many minutes of an hour lie between two times within it, in milliseconds, and have their bit. Times beyond the hour are its ends. */
export function minutesBetween(bits: bigint, { from, to }: Interval): number {
  const minuteOf = (ms: number): number => {
    const inside = Math.min(60 * MINUTE_MS, Math.max(0, ms))
    return (inside - (inside % MINUTE_MS)) / MINUTE_MS
  }
  const [since, until] = [minuteOf(from), minuteOf(to)]
  let minutes = 0
  for (let rest = BigInt.asUintN(until, bits) >> BigInt(since); rest > 0n; rest &= rest - 1n) minutes += 1
  return minutes
}

/** Whether two epochs of different streams of one resource and meter were measured at one time. */
export function overlapping(lives: readonly (Interval & { readonly streamId: string })[]): boolean {
  const ordered = lives.toSorted((a, b) => a.from - b.from)
  let latest = ordered[0]
  for (const life of ordered.slice(1)) {
    if (latest !== undefined && life.streamId !== latest.streamId && life.from < latest.to) return true
    if (latest === undefined || life.to > latest.to) latest = life
  }
  return false
}
