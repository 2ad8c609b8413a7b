import { selfAndAncestors } from '@vouch/proto/kernel/id.ts'
import { intersect } from '@vouch/proto/kernel/period.ts'
import { closed } from '../contract/contract.ts'
import type { OpenPeriod } from '../contract/contract.ts'

/** Facts of a resource that rules look at, such as an environment or a team: text by name. */
export type Attributes = Readonly<Record<string, string>>

/** What a resource itself is said to have over a stretch of time; what lies below it inherits it. */
export interface AttributeSet {
  readonly resource: string
  readonly attributes: Attributes
  readonly period: OpenPeriod
}

/** Attribute sets by resource; those of one resource never overlap. */
export type AttributeHistory = ReadonlyMap<string, readonly AttributeSet[]>

/** An attribute as a resource has it. */
export interface SeenAttribute {
  readonly name: string
  readonly value: string
  /** The resource that says so: the one looked at, or one above it. */
  readonly from: string
}

/** Sets by their resource. */
export function historyOf(sets: readonly AttributeSet[]): AttributeHistory {
  return Map.groupBy(sets, ({ resource }) => resource)
}

/** What a resource has at an instant, by name in ascending order: the nearest on its path counts. */
export function attributesAt(
  history: AttributeHistory,
  resource: string,
  atMs: number,
): ReadonlyMap<string, SeenAttribute> {
  const seen = new Map<string, SeenAttribute>()
  for (const from of selfAndAncestors(resource)) {
    const set = history.get(from)?.find(({ period }) => holdsAt(period, atMs))
    for (const [name, value] of Object.entries(set?.attributes ?? {})) seen.set(name, { name, value, from })
  }
  return new Map([...seen].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** The instants at which sets of a resource or of one above it begin or end. */
export function changesOf(history: AttributeHistory, resource: string): number[] {
  return selfAndAncestors(resource)
    .flatMap((path) => history.get(path) ?? [])
    .flatMap(({ period: { from, to } }) => (to === undefined ? [from] : [from, to]))
}

/** What one set in place of another does to a resource's history. */
export interface Replacement {
  /** The stretch for which the new set holds: until the next one begins. */
  readonly period: OpenPeriod
  /** Names whose value is another one than before in this stretch; of the resource itself, inherited ones aside. */
  readonly changed: readonly string[]
  /** The set that was in force, cut off or, where it began at the same instant, gone. */
  readonly before: AttributeSet | undefined
}

/** What it means to give a resource these attributes from an instant on. Sets that begin later stay. */
export function replacement(
  sets: readonly AttributeSet[],
  fromMs: number,
  attributes: Attributes,
): Replacement {
  const before = sets.find(({ period }) => holdsAt(period, fromMs))
  const later = sets.map(({ period }) => period.from).filter((from) => from > fromMs)
  const to = later.length === 0 ? undefined : Math.min(...later)
  const old = new Map(Object.entries(before?.attributes ?? {}))
  const now = new Map(Object.entries(attributes))
  const changed = [...new Set([...old.keys(), ...now.keys()])].filter(
    (name) => old.get(name) !== now.get(name),
  )
  return { period: { from: fromMs, to }, changed: changed.toSorted(), before }
}

function holdsAt(period: OpenPeriod, atMs: number): boolean {
  return intersect(closed(period), { from: atMs, to: atMs + 1 }) !== undefined
}
