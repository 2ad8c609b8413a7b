import { isSameOrDescendant } from '@vouch/proto/kernel/id.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import type { SeenAttribute } from './attributes.ts'

/** Who bears a part. */
export interface Bucket {
  readonly account: string
  /** A part of the account's own books, free for the account to name. */
  readonly costCentre: string | undefined
}

/** A part of the whole. */
export interface Share extends Bucket {
  /** Above 0, at most 1. */
  readonly share: Rational
}

/** Which resources a rule is for. */
export interface ResourceCondition {
  readonly path: string
  /** Whether everything below is meant as well. */
  readonly below: boolean
}

/** An attribute that has one of some values. */
export interface AttributeCondition {
  readonly name: string
  /** In ascending order, each once. */
  readonly values: readonly string[]
}

/** What must be true of a resource; without any condition everything matches. */
export interface Condition {
  readonly resource: ResourceCondition | undefined
  /** By name in ascending order. */
  readonly attributes: readonly AttributeCondition[]
}

/** Gives what matches to accounts. */
export interface Rule {
  readonly id: string
  /** The smaller one is asked first. */
  readonly priority: number
  readonly when: Condition
  /** By account, then cost centre; shares sum to 1. */
  readonly to: readonly Share[]
}

/** All rules of a time. */
export interface RuleSet {
  /** Counts from 1. */
  readonly version: number
  /** In force from here on until the next set's instant; epoch milliseconds. */
  readonly effectiveFrom: number
  /** By priority, then id: the first that matches decides. */
  readonly rules: readonly Rule[]
  /** Who bears what no rule matches; nobody where undefined. */
  readonly fallback: Bucket | undefined
}

/** A condition that a resource does not meet. */
export interface Unmet {
  /** The attribute's name; undefined = the condition on the resource itself. */
  readonly attribute: string | undefined
  /** What would do. */
  readonly wanted: readonly string[]
  /** What is there; undefined = no such attribute. */
  readonly met: string | undefined
}

/** Whether a resource with these attributes meets a condition. */
export function matches(
  { resource: place, attributes }: Condition,
  resource: string,
  seen: ReadonlyMap<string, SeenAttribute>,
): boolean {
  if (place !== undefined && !isFor(place, resource)) return false
  return attributes.every((condition) => hasOneOf(condition, seen))
}

/** The first condition that a resource does not meet: the resource's own name first, then attributes by name. */
export function unmet(
  { resource: place, attributes }: Condition,
  resource: string,
  seen: ReadonlyMap<string, SeenAttribute>,
): Unmet | undefined {
  if (place !== undefined && !isFor(place, resource)) {
    return { attribute: undefined, wanted: [formatResourceCondition(place)], met: resource }
  }
  const failed = attributes.find((condition) => !hasOneOf(condition, seen))
  if (failed === undefined) return undefined
  return { attribute: failed.name, wanted: failed.values, met: seen.get(failed.name)?.value }
}

/** Whether every resource that meets the second condition meets the first. */
export function covers(first: Condition, second: Condition): boolean {
  return (
    coversPlace(first.resource, second.resource) &&
    first.attributes.every(({ name, values }) =>
      second.attributes.find((other) => other.name === name)?.values.every((value) => values.includes(value)),
    )
  )
}

/** The text of a condition on the resource: "host:a" alone, "host:a/*" with everything below it. */
export function formatResourceCondition({ path, below }: ResourceCondition): string {
  return below ? `${path}/*` : path
}

/** The set in force at an instant, of sets in order of time. */
export function ruleSetAt(ruleSets: readonly RuleSet[], atMs: number): RuleSet | undefined {
  return ruleSets.findLast(({ effectiveFrom }) => effectiveFrom <= atMs)
}

/** Every account that a set names, each once. */
export function accountsOf({ rules, fallback }: RuleSet): string[] {
  const named = rules.flatMap(({ to }) => to.map(({ account }) => account))
  return [...new Set(fallback === undefined ? named : [...named, fallback.account])].toSorted()
}

/** Whether a set's outcome for a resource, or for one below it, may depend on an attribute of these names. */
export function reads({ rules }: RuleSet, resource: string, names: readonly string[]): boolean {
  return rules.some(
    ({ when }) =>
      when.attributes.some(({ name }) => names.includes(name)) &&
      (when.resource === undefined ||
        isFor(when.resource, resource) ||
        isSameOrDescendant(when.resource.path, resource)),
  )
}

function hasOneOf({ name, values }: AttributeCondition, seen: ReadonlyMap<string, SeenAttribute>): boolean {
  const value = seen.get(name)?.value
  return value !== undefined && values.includes(value)
}

function isFor({ path, below }: ResourceCondition, resource: string): boolean {
  return below ? isSameOrDescendant(resource, path) : resource === path
}

function coversPlace(first: ResourceCondition | undefined, second: ResourceCondition | undefined): boolean {
  if (first === undefined) return true
  if (second === undefined) return false
  return isFor(first, second.path) && (first.below || !second.below)
}
