import { formatAmount, majorAmount, roundToMoney, subtractMoney } from '@vouch/proto/kernel/money.ts'
import type { Money } from '@vouch/proto/kernel/money.ts'
import { ZERO, add, equals } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { ROUNDINGS } from '@vouch/proto/kernel/rounding.ts'
import { exactText } from '../tariff/trace.ts'
import type { Line, Scope, Terms } from './types.ts'

/** A line without its rounded amount. */
export type Draft = Omit<Line, 'amount'>

/**
 * Rounds a line's amount to the currency. With the stage `document` that is for show: the total is rounded alone.
 *
 * @param before what the same amount came to for the time before, rounded or not in lines of its own: what is rounded is both together, less that
 * rounded, so that consecutive parts sum to the whole, to the minor unit.
 */
export function lineOf(draft: Draft, { currency, rounding }: Terms, before: Rational = ZERO): Line {
  const rounded = (value: Rational): Money => roundToMoney(value, currency, ROUNDINGS[rounding.mode])
  const amount = subtractMoney(rounded(add(before, draft.exact)), rounded(before))
  const step = {
    rule: `amount ${rounding.mode} ${currency}${rounding.stage === 'document' ? ', the total alone counts' : ''}`,
    input: equals(before, majorAmount(rounded(before)))
      ? exactText(draft.exact)
      : `${exactText(before)} + ${exactText(draft.exact)}, less ${formatAmount(rounded(before))} for before`,
    output: formatAmount(amount),
  }
  return { ...draft, amount, trace: [...draft.trace, step] }
}

/** What a line counts for in sums: as rounded, or exactly where only the total is rounded. */
export function valueOf(line: Line, { rounding }: Terms): Rational {
  return rounding.stage === 'line' ? majorAmount(line.amount) : line.exact
}

/** The lines of these rules, of all before where none is named. */
export function linesOf(scope: Scope, rules: readonly string[] | undefined): readonly Line[] {
  if (rules === undefined) return scope.lines
  const wanted = new Set(rules)
  return scope.lines.filter(({ rule }) => wanted.has(rule))
}

/** Their sum. */
export function sumOf(lines: readonly Line[], terms: Terms): Rational {
  return lines.reduce((sum, line) => add(sum, valueOf(line, terms)), ZERO)
}
