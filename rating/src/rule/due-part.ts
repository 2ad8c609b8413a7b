import type { Period } from '@vouch/proto/kernel/period.ts'
import { multiply } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { prorate } from '../tariff/proration.ts'
import type { ProrationBasis } from '../tariff/proration.ts'
import { exactText } from '../tariff/trace.ts'
import type { TraceStep } from '../tariff/trace.ts'
import type { Terms } from './types.ts'

/** How much of an amount is due. */
export interface Due {
  readonly amount: Rational
  readonly trace: readonly TraceStep[]
}

/** Of an amount for a whole period, what is due for a part of it. */
export function prorated(
  amount: Rational,
  part: Period,
  { whole, basis }: { readonly whole: Period; readonly basis: ProrationBasis },
  terms: Terms,
): Due {
  const { fraction, trace } = prorate(part, whole, basis, terms)
  const due = multiply(amount, fraction)
  const step = {
    rule: 'prorated',
    input: `${exactText(amount)} × ${exactText(fraction)}`,
    output: exactText(due),
  }
  return { amount: due, trace: [trace, step] }
}

/** What of an amount for the document's period is due for the days in which its tariff is in force; all where that is not bounded. */
export function duePart(amount: Rational, effective: Period | undefined, terms: Terms): Due {
  return effective === undefined
    ? { amount, trace: [] }
    : prorated(amount, effective, { whole: terms.period, basis: 'day' }, terms)
}
