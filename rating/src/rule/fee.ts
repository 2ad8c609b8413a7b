import type { Period } from '@vouch/proto/kernel/period.ts'
import { intersect } from '@vouch/proto/kernel/period.ts'
import { ZERO, multiply } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { prorate } from '../tariff/proration.ts'
import type { ProrationBasis } from '../tariff/proration.ts'
import { exactText } from '../tariff/trace.ts'
import { prorated } from './due-part.ts'
import { lineOf } from './lines.ts'
import type { Outcome, Scope, Terms } from './types.ts'

/** With which invoice a fee is billed: that of its period, or the one before. */
export const FEE_TIMINGS = ['arrears', 'advance'] as const

/** An amount that is due whatever was used. */
export interface FeeRule {
  readonly kind: 'fee'
  readonly id: string
  readonly name: string
  /** Of one; below zero where a fee that was billed in advance is given back. */
  readonly amount: Rational
  readonly quantity: Rational
  /** The period that the whole amount is for: the document's, or the one after it where it is billed in advance. */
  readonly period: Period
  /** When it is in force; undefined = the whole period. */
  readonly effective: Period | undefined
  readonly proration: ProrationBasis
  readonly timing: (typeof FEE_TIMINGS)[number]
}

/** A fee for the part of its period in which it is in force; nothing where that is no part of it. */
export function applyFee(rule: FeeRule, { terms }: Scope): Outcome {
  const part = rule.effective === undefined ? rule.period : intersect(rule.effective, rule.period)
  if (part === undefined) return { lines: [] }
  const whole = multiply(rule.amount, rule.quantity)
  const due = prorated(whole, part, { whole: rule.period, basis: rule.proration }, terms)
  const steps = [
    {
      rule: 'fee',
      input: `${exactText(rule.quantity)} × ${exactText(rule.amount)}`,
      output: exactText(whole),
    },
    ...due.trace,
  ]
  const { id, name, quantity } = rule
  const draft = { rule: id, kind: 'fee', pool: '', name, period: part, quantity, unit: undefined } as const
  return {
    lines: [lineOf({ ...draft, exact: due.amount, trace: steps }, terms, dueBefore(rule, part, terms))],
  }
}

/** What the fee comes to for the part of its period before this one, whoever bills it. */
function dueBefore({ amount, quantity, period, proration }: FeeRule, part: Period, terms: Terms): Rational {
  if (proration === 'none' || part.from <= period.from) return ZERO
  const { fraction } = prorate({ from: period.from, to: part.from }, period, proration, terms)
  return multiply(multiply(amount, quantity), fraction)
}
