import { selfAndAncestors } from '@vouch/proto/kernel/id.ts'
import { contains, intersect } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { closed } from '../contract/contract.ts'
import type { Assignment } from '../contract/contract.ts'

/** Whose bill a resource, with everything below it, was put on by hand. */
export type Holding = Pick<Assignment, 'id' | 'account' | 'resource' | 'period'>

/** By the resource that was assigned. */
export type Holdings = ReadonlyMap<string, readonly Holding[]>

/** A period in parts, in order of time, cut at those of the instants that lie inside it. */
export function cutAt(period: Period, instants: readonly number[]): Period[] {
  const inside = instants.filter((at) => at > period.from && contains(period, at))
  const edges = [...new Set([period.from, ...inside, period.to])].toSorted((a, b) => a - b)
  return edges.slice(1).map((to, index) => ({ from: edges[index] ?? period.from, to }))
}

/** The same pieces, in order of time, where those that touch and are equal by their key are one. */
export function merged<T extends { readonly period: Period }>(
  pieces: readonly T[],
  keyOf: (piece: T) => string,
): T[] {
  const whole: T[] = []
  for (const piece of pieces) {
    const last = whole.at(-1)
    if (last !== undefined && last.period.to === piece.period.from && keyOf(last) === keyOf(piece)) {
      whole[whole.length - 1] = { ...last, period: { from: last.period.from, to: piece.period.to } }
    } else whole.push(piece)
  }
  return whole
}

/** The parts of a period in which no assignment of the resource or of one above it holds, in order of time. */
export function unassigned(resource: string, period: Period, holdings: Holdings): Period[] {
  const held = selfAndAncestors(resource)
    .flatMap((path) => holdings.get(path) ?? [])
    .flatMap((holding) => intersect(closed(holding.period), period) ?? [])
  const edges = held.flatMap(({ from, to }) => [from, to])
  const free = cutAt(period, edges).filter((part) => !held.some((span) => contains(span, part.from)))
  return joined(free)
}

/** The same periods, in order of time, where those that touch are one. */
export function joined(periods: readonly Period[]): Period[] {
  return merged(
    periods.map((period) => ({ period })),
    () => '',
  ).map(({ period }) => period)
}

/** Milliseconds as an integer of any size. */
export function milliseconds({ from, to }: Period): bigint {
  return BigInt(to - from)
}
