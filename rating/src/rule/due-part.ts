import type { Period } from '@vouch/proto/kernel/period.ts'
import { multiply } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { prorate } from '../tariff/proration.ts'
import { exactText } from '../tariff/trace.ts'
import type { TraceStep } from '../tariff/trace.ts'
import type { Terms } from './types.ts'

/** Of an amount for a whole period, what is due for the days of it in which the tariff is in force; all where that is not bounded. */
export function duePart(
  amount: Rational,
  effective: Period | undefined,
  terms: Terms,
): { readonly amount: Rational; readonly trace: readonly TraceStep[] } {
  if (effective === undefined) return { amount, trace: [] }
  const { fraction, trace } = prorate(effective, terms.period, 'day', terms)
  const due = multiply(amount, fraction)
  const step = {
    rule: 'prorated',
    input: `${exactText(amount)} × ${exactText(fraction)}`,
    output: exactText(due),
  }
  return { amount: due, trace: [trace, step] }
}
