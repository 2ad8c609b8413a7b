import type { Period } from '@vouch/proto/kernel/period.ts'
import { ONE } from '@vouch/proto/kernel/rational.ts'
import { attributesAt, changesOf } from './attributes.ts'
import type { AttributeHistory, SeenAttribute } from './attributes.ts'
import { cutAt, merged } from './stretches.ts'
import { matches, ruleSetAt, unmet } from './rule-set.ts'
import type { Rule, RuleSet, Share, Unmet } from './rule-set.ts'

/** What attribution follows from. */
export interface World {
  /** By the instant from which they are in force, each another one. */
  readonly ruleSets: readonly RuleSet[]
  readonly attributes: AttributeHistory
}

/** Who bears a resource at an instant, and why. */
export interface Decision {
  readonly by: 'rule' | 'default' | 'nobody'
  /** Version of the rule set in force; undefined where none is. */
  readonly ruleSet: number | undefined
  /** The rule that decided. */
  readonly rule: string | undefined
  /** The attributes that the rule's condition asked for, as they were met. */
  readonly why: readonly SeenAttribute[]
  /** By account, then cost centre; they sum to 1, and are none where nobody bears it. */
  readonly shares: readonly Share[]
}

/** A stretch of time with one decision. */
export interface Piece extends Decision {
  readonly period: Period
}

/** A rule that was asked before the one that decided, and the first of its conditions that was not met. */
export interface Rejected {
  readonly rule: string
  readonly unmet: Unmet
}

/** A decision with everything that was looked at. */
export interface Explanation extends Decision {
  /** All attributes of the resource, by name. */
  readonly attributes: readonly SeenAttribute[]
  /** In the order in which they were asked. */
  readonly rejected: readonly Rejected[]
}

/**
 * Who bears a resource over a period: pieces in order of time that make up the whole period, cut at the instants
 * where a rule set or an attribute of the resource changes and the decision is another one.
 */
export function attribute(world: World, resource: string, period: Period): Piece[] {
  const instants = [
    ...world.ruleSets.map(({ effectiveFrom }) => effectiveFrom),
    ...changesOf(world.attributes, resource),
  ]
  const pieces = cutAt(period, instants).map((part) => ({
    ...decide(world, resource, part.from),
    period: part,
  }))
  return merged(pieces, keyOf)
}

/** Who bears a resource at an instant, which rules were asked before, and why they did not decide. */
export function explain(world: World, resource: string, atMs: number): Explanation {
  const seen = attributesAt(world.attributes, resource, atMs)
  const rejected: Rejected[] = []
  for (const rule of ruleSetAt(world.ruleSets, atMs)?.rules ?? []) {
    const failed = unmet(rule.when, resource, seen)
    if (failed === undefined) break
    rejected.push({ rule: rule.id, unmet: failed })
  }
  return { ...decide(world, resource, atMs), attributes: [...seen.values()], rejected }
}

function decide(world: World, resource: string, atMs: number): Decision {
  const set = ruleSetAt(world.ruleSets, atMs)
  const nobody = { by: 'nobody' as const, ruleSet: set?.version, rule: undefined, why: [], shares: [] }
  if (set === undefined) return nobody
  const seen = attributesAt(world.attributes, resource, atMs)
  const rule = set.rules.find(({ when }) => matches(when, resource, seen))
  if (rule !== undefined) {
    return { by: 'rule', ruleSet: set.version, rule: rule.id, why: asked(rule, seen), shares: rule.to }
  }
  if (set.fallback === undefined) return nobody
  return { ...nobody, by: 'default', shares: [{ ...set.fallback, share: ONE }] }
}

function asked({ when }: Rule, seen: ReadonlyMap<string, SeenAttribute>): SeenAttribute[] {
  return when.attributes.flatMap(({ name }) => seen.get(name) ?? [])
}

/** Equal for decisions that are equal: shares follow from the rule set and what decided. */
function keyOf({ by, ruleSet, rule, why }: Decision): string {
  return JSON.stringify([by, ruleSet, rule, why.map(({ name, value, from }) => [name, value, from])])
}
