import type { Period } from '@vouch/proto/kernel/period.ts'
import { ZERO, add, compare, isZero, multiply, negate, rational, sign } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { exactText } from '../tariff/trace.ts'
import { duePart } from './due-part.ts'
import { lineOf, linesOf, sumOf } from './lines.ts'
import type { Outcome, Scope } from './types.ts'

/**
 * What a discount is a share of: `remaining`, what is left of its lines after the reductions among them, or `original`,
 * the lines without these. It is never more than what is left of them, and no more than is due in all.
 */
export type DiscountBase = 'remaining' | 'original'

/** A reduction of lines before it: a share, or a fixed amount. */
export interface DiscountRule {
  readonly kind: 'discount'
  readonly id: string
  readonly name: string
  /** Rules whose lines it reduces; undefined = all before this one. */
  readonly of: readonly string[] | undefined
  readonly percent: Rational | undefined
  readonly amount: Rational | undefined
  readonly base: DiscountBase
  /** When the tariff is in force; undefined = the whole period. An amount is for a whole period. */
  readonly effective: Period | undefined
}

const REDUCTIONS = new Set(['discount', 'credit', 'sla-credit'])

function lesser(a: Rational, b: Rational): Rational {
  return compare(a, b) < 0 ? a : b
}

/** One line for all that is reduced. */
export function applyDiscount(rule: DiscountRule, scope: Scope): Outcome {
  const { terms } = scope
  const lines = linesOf(scope, rule.of)
  const original = sumOf(
    lines.filter(({ kind }) => !REDUCTIONS.has(kind)),
    terms,
  )
  const reduced = sumOf(
    lines.filter(({ kind }) => REDUCTIONS.has(kind)),
    terms,
  )
  const remaining = add(original, reduced)
  const most = lesser(remaining, sumOf(scope.lines, terms))
  // Nothing is given on what is given back.
  if (sign(most) <= 0) return { lines: [] }
  const base = rule.base === 'remaining' ? remaining : original
  const { amount: wanted, trace: part } =
    rule.percent === undefined
      ? duePart(rule.amount ?? ZERO, rule.effective, terms)
      : { amount: multiply(base, multiply(rule.percent, rational(1n, 100n))), trace: [] }
  const given = lesser(wanted, most)
  const exact = negate(given)
  if (isZero(exact)) return { lines: [] }
  const what =
    rule.percent === undefined
      ? 'discount amount'
      : `discount ${exactText(rule.percent)} per cent of ${rule.base}`
  const { id, name } = rule
  const trace = [
    {
      rule: `base ${rule.base}`,
      input: `${exactText(original)} less ${exactText(negate(reduced))}`,
      output: exactText(base),
    },
    ...part,
    { rule: what, input: exactText(base), output: exactText(negate(wanted)) },
    ...(compare(wanted, most) > 0
      ? [{ rule: 'no more than is due', input: exactText(wanted), output: exactText(given) }]
      : []),
  ]
  const draft = { rule: id, kind: 'discount', pool: '', name, period: terms.period } as const
  return { lines: [lineOf({ ...draft, quantity: undefined, unit: undefined, exact, trace }, terms)] }
}
