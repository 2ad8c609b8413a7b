import { compare, rational } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'

/** A step of a tiered price: what lies above the tier before it, up to its own end. */
export interface Tier {
  /** Where it ends, in billable units; undefined = it has no end. */
  readonly upTo: Rational | undefined
  /** Price of one unit in it. */
  readonly unitPrice: Rational
  /** Charged once when it is entered. */
  readonly flat: Rational
  /** Per cent of an amount, where quantities are amounts of money. */
  readonly percent: Rational
}

/**
 * To which tier a quantity belongs that lies exactly on an edge: `inclusive` to the one that ends there, `exclusive` to
 * the one that begins there. A fraction above an edge is always in the next tier.
 */
export type TierEdge = 'inclusive' | 'exclusive'

/** Whether the flat amount of the first tier is due when nothing was used: `charged` or `free`. */
export type ZeroUsage = 'charged' | 'free'

/** How tiers are read. */
export interface TierPolicies {
  readonly edge: TierEdge
  readonly zero: ZeroUsage
}

/** A tier with the part of a quantity that falls into it. */
export interface TierPart {
  readonly tier: Tier
  readonly index: number
  readonly from: Rational
  readonly quantity: Rational
}

/**
 * The tier that a quantity, not negative, falls into. Tiers ascend, and the last has no end: whoever reads a
 * document sees to that.
 */
export function tierOf(tiers: readonly Tier[], quantity: Rational, edge: TierEdge): TierPart {
  const index = tiers.findIndex(({ upTo }) => {
    if (upTo === undefined) return true
    const order = compare(quantity, upTo)
    return edge === 'inclusive' ? order <= 0 : order < 0
  })
  const tier = tiers[index]
  if (tier === undefined) throw new RangeError('the last tier must have no end')
  return { tier, index, from: tiers[index - 1]?.upTo ?? rational(0n), quantity }
}

/** The tiers that a quantity passes through, each with its share; the shares sum to the quantity. */
export function tierParts(tiers: readonly Tier[], quantity: Rational, edge: TierEdge): TierPart[] {
  const last = tierOf(tiers, quantity, edge).index
  return tiers.slice(0, last + 1).map((tier, index) => {
    const from = tiers[index - 1]?.upTo ?? rational(0n)
    const to = index === last || tier.upTo === undefined ? quantity : tier.upTo
    return {
      tier,
      index,
      from,
      quantity: rational(to.n * from.d - from.n * to.d, to.d * from.d),
    }
  })
}

/** "0 to 10", "above 20": where a tier lies. */
export function tierName(tiers: readonly Tier[], index: number, text: (value: Rational) => string): string {
  const from = text(tiers[index - 1]?.upTo ?? rational(0n))
  const to = tiers[index]?.upTo
  return to === undefined ? `above ${from}` : `${from} to ${text(to)}`
}
