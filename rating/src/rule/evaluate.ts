import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { fail, failures, ok, summarise } from '@vouch/proto/kernel/fault.ts'
import { roundToMoney, subtractMoney, sumMoney } from '@vouch/proto/kernel/money.ts'
import type { Money } from '@vouch/proto/kernel/money.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { ROUNDINGS } from '@vouch/proto/kernel/rounding.ts'
import { applyBurst } from './burst.ts'
import type { BurstRule } from './burst.ts'
import { applyCredit } from './credit.ts'
import type { CreditRule } from './credit.ts'
import { applyDiscount } from './discount.ts'
import type { DiscountRule } from './discount.ts'
import { applyFee } from './fee.ts'
import type { FeeRule } from './fee.ts'
import { sumOf } from './lines.ts'
import { applySla } from './sla.ts'
import type { SlaRule } from './sla.ts'
import { applyBound, applyCommitment, isSpend } from './spend.ts'
import type { BoundRule, CommitmentRule } from './spend.ts'
import { applyTermination } from './termination.ts'
import type { TerminationRule } from './termination.ts'
import type { Balance, Facts, Line, Outcome, Scope, Terms, Usage } from './types.ts'
import { applyUsage } from './usage.ts'
import type { UsageRule } from './usage.ts'

/** A rule of a contract. */
export type Rule =
  | UsageRule
  | BurstRule
  | FeeRule
  | BoundRule
  | CommitmentRule
  | DiscountRule
  | CreditRule
  | SlaRule
  | TerminationRule

/** What a contract makes of facts. */
export interface Evaluation {
  readonly lines: readonly Line[]
  readonly total: Money
  /** The total less the sum of the rounded lines; not zero only where the document alone is rounded. */
  readonly roundingDifference: Money
  readonly balances: readonly Balance[]
  /** What no rule has priced, by its place among the facts: it is reported, never dropped. */
  readonly unpriced: {
    /** With the parts of its period that no rule covers. */
    readonly usage: readonly { readonly index: number; readonly periods: readonly Period[] }[]
    readonly series: readonly number[]
    readonly changes: readonly number[]
  }
}

/**
 * Applies rules in their order; each sees the lines of those before it, so that there are no cycles. The same input gives
 * the same lines. Fault: TARIFF_INVALID with the fault of every rule in `causes`, each with its pointer.
 */
export function evaluate(terms: Terms, rules: readonly Rule[], facts: Facts): Result<Evaluation> {
  const lines: Line[] = []
  const balances: Balance[] = []
  const faults: Fault[] = []
  const isTimed = rules.some((rule) => isSpend(rule) && rule.effective !== undefined)
  const priced = new Map<Usage, Period[]>()
  const pricedOthers = new Set<unknown>()
  for (const [index, rule] of rules.entries()) {
    const outcome = apply(rule, { terms, facts, lines, isTimed })
    if (!outcome.ok) {
      faults.push({ ...outcome.fault, pointer: `/rules/${index}` })
      continue
    }
    // One by one: a hundred thousand lines are no arguments of a call.
    for (const line of outcome.value.lines) lines.push(line)
    for (const balance of outcome.value.balances ?? []) balances.push(balance)
    const { priced: usage = [], pricedSeries = [], pricedChanges = [] } = outcome.value
    for (const { usage: fact, period } of usage) priced.set(fact, [...(priced.get(fact) ?? []), period])
    for (const fact of [...pricedSeries, ...pricedChanges]) pricedOthers.add(fact)
  }
  if (faults.length > 0) return failures('TARIFF_INVALID', '', faults)
  const { currency, rounding } = terms
  const large = new Set(lines.filter(({ amount }) => isTooLarge(amount)).map(({ rule }) => rule))
  const [first, ...others] = [...large].map(
    (id) =>
      fail('OUT_OF_RANGE', `a line of rule ${id} is beyond 2^63 minor units`, {
        pointer: `/rules/${rules.findIndex((rule) => rule.id === id)}`,
      }).fault,
  )
  if (first !== undefined) return summarise([first, ...others])
  const shown = sumMoney(
    lines.map(({ amount }) => amount),
    currency,
  )
  const total =
    rounding.stage === 'line' ? shown : roundToMoney(sumOf(lines, terms), currency, ROUNDINGS[rounding.mode])
  if (isTooLarge(total))
    return fail('OUT_OF_RANGE', 'the total is beyond 2^63 minor units', { pointer: '/rules' })
  const left = (all: readonly unknown[]): number[] =>
    [...all.keys()].filter((index) => !pricedOthers.has(all[index]))
  return ok({
    lines,
    total,
    roundingDifference: subtractMoney(total, shown),
    balances,
    unpriced: {
      usage: facts.usage
        .map((usage, index) => ({ index, periods: holes(usage.period, priced.get(usage) ?? []) }))
        .filter(({ periods }) => periods.length > 0),
      series: left(facts.series),
      changes: left(facts.changes),
    },
  })
}

/** Amounts travel and are kept as signed numbers of 64 bits. */
function isTooLarge({ minor }: Money): boolean {
  return BigInt.asIntN(64, minor) !== minor
}

/** The parts of a period that these do not cover. */
function holes(period: Period, covered: readonly Period[]): Period[] {
  const found: Period[] = []
  let from = period.from
  for (const part of covered.toSorted((a, b) => a.from - b.from)) {
    if (part.from > from) found.push({ from, to: part.from })
    from = Math.max(from, part.to)
  }
  return from < period.to ? [...found, { from, to: period.to }] : found
}

function apply(rule: Rule, scope: Scope): Result<Outcome> {
  switch (rule.kind) {
    case 'usage':
      return applyUsage(rule, scope)
    case 'percentile':
      return applyBurst(rule, scope)
    case 'fee':
      return ok(applyFee(rule, scope))
    case 'minimum':
    case 'maximum':
      return applyBound(rule, scope)
    case 'commitment':
      return applyCommitment(rule, scope)
    case 'discount':
      return ok(applyDiscount(rule, scope))
    case 'credit':
      return ok(applyCredit(rule, scope))
    case 'sla-credit':
      return applySla(rule, scope)
    case 'termination':
      return ok(applyTermination(rule, scope))
    default:
      throw new Error(`not a rule: ${JSON.stringify(rule satisfies never)}`)
  }
}
