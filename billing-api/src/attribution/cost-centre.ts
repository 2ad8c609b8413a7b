import { allocate } from '@vouch/proto/kernel/allocation.ts'
import { money } from '@vouch/proto/kernel/money.ts'
import type { Money } from '@vouch/proto/kernel/money.ts'
import { ZERO, add } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import type { Share } from './rule-set.ts'

/** A part of an amount, and the cost centre that bears it; undefined = the account as such. */
export interface CostCentreAmount {
  readonly costCentre: string | undefined
  readonly amount: Money
}

/** An account's part of the whole: the sum over its cost centres. */
export function shareOfAccount(shares: readonly Share[], account: string): Rational {
  return shares.filter((share) => share.account === account).reduce((sum, { share }) => add(sum, share), ZERO)
}

/**
 * Splits what an account bears over its cost centres by largest remainder, in the order of the shares; the parts
 * sum to the amount. Throws where the account has no share.
 */
export function allocateToCostCentres(
  amount: Money,
  shares: readonly Share[],
  account: string,
): CostCentreAmount[] {
  const own = shares.filter((share) => share.account === account)
  const parts = allocate(amount.minor, wholeWeights(own.map(({ share }) => share)))
  return own.map(({ costCentre }, index) => ({
    costCentre,
    amount: money(parts[index] ?? 0n, amount.currency),
  }))
}

/** Integers in the proportion of the fractions. */
export function wholeWeights(fractions: readonly Rational[]): bigint[] {
  const denominator = fractions.reduce((product, { d }) => (product % d === 0n ? product : product * d), 1n)
  return fractions.map(({ n, d }) => n * (denominator / d))
}
