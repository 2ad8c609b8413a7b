import { type Rational, multiply } from '@vouch/proto/kernel/rational.ts'
import { type TraceStep, exactText } from './trace.ts'

/** What a price model makes of a quantity: the exact amount in currency units, before rounding. */
export interface ModelAmount {
  readonly amount: Rational
  readonly trace: readonly TraceStep[]
}

/** The per-unit model: quantity × unit price, exact. */
export function perUnit(quantity: Rational, unitPrice: Rational): ModelAmount {
  const amount = multiply(quantity, unitPrice)
  const input = `${exactText(quantity)} × ${exactText(unitPrice)}`
  return { amount, trace: [{ rule: 'per unit', input, output: exactText(amount) }] }
}
