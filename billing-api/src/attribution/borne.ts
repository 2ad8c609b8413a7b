import type { Period } from '@vouch/proto/kernel/period.ts'
import { ONE, divide, formatFraction, isZero } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { attribute } from './attribute.ts'
import type { World } from './attribute.ts'
import { shareOfAccount } from './cost-centre.ts'
import type { RuleSet, Share } from './rule-set.ts'
import { cutAt, merged, unassigned } from './stretches.ts'
import type { Holdings } from './stretches.ts'

/** What a cost centre bears of what its account bears; undefined = the account as such. */
export interface CostCentreShare {
  readonly costCentre: string | undefined
  readonly share: Rational
}

/** A stretch in which the cost centres of an account bear the same parts of a resource. */
export interface Borne {
  readonly period: Period
  /** They sum to 1. */
  readonly shares: readonly CostCentreShare[]
}

const AS_SUCH: readonly CostCentreShare[] = [{ costCentre: undefined, share: ONE }]

/**
 * How an account divides over its cost centres what it bears of a resource, over a period: stretches in order of time that make
 * up the whole period. What is assigned by hand the account bears as such, and what no rule gives to it.
 */
export function borneBy(
  world: World,
  account: string,
  resource: string,
  period: Period,
  holdings: Holdings,
): Borne[] {
  const free = unassigned(resource, period, holdings).flatMap((span) => attribute(world, resource, span))
  const edges = free.flatMap((piece) => [piece.period.from, piece.period.to])
  const stretches = cutAt(period, edges).map((span): Borne => {
    const piece = free.find((each) => each.period.from === span.from)
    return { period: span, shares: piece === undefined ? AS_SUCH : partsOf(piece.shares, account) }
  })
  return merged(stretches, ({ shares }) =>
    JSON.stringify(shares.map(({ costCentre = null, share }) => [costCentre, formatFraction(share)])),
  )
}

/** Whether some rule, or the default, gives anything to a cost centre of the account. */
export function namesCostCentres(ruleSets: readonly RuleSet[], account: string): boolean {
  const buckets = ruleSets.flatMap(({ rules, fallback }) => [
    ...rules.flatMap(({ to }) => to),
    ...(fallback === undefined ? [] : [fallback]),
  ])
  return buckets.some((bucket) => bucket.account === account && bucket.costCentre !== undefined)
}

function partsOf(shares: readonly Share[], account: string): readonly CostCentreShare[] {
  const whole = shareOfAccount(shares, account)
  if (isZero(whole)) return AS_SUCH
  return shares
    .filter((share) => share.account === account)
    .map(({ costCentre, share }) => ({ costCentre, share: divide(share, whole) }))
}
