import { formatDecimal } from '@vouch/proto/kernel/decimal.ts'
import { formatAmount, majorAmount } from '@vouch/proto/kernel/money.ts'
import { ZERO, add, subtract } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { ROUNDINGS } from '@vouch/proto/kernel/rounding.ts'
import { exactOf } from './exact.ts'
import type { Draft } from './invoice.ts'

const SCALE = 12

/** What an invoice comes to, what its lines come to before they are rounded to the currency, and the difference; decimal texts. */
export interface RoundingGain {
  readonly Billed: string
  readonly Exact: string
  /** Below zero where rounding cost the seller something. */
  readonly Gain: string
}

/** What rounding amounts to the currency gained. The line that makes lines sum to a rounded total is rounding alone. */
export function roundingGain({ lines, total }: Pick<Draft, 'lines' | 'total'>): RoundingGain {
  const exact = lines
    .filter(({ charge }) => charge.kind !== 'rounding')
    .map(({ charge }) => exactOf(charge.exact))
    .reduce<Rational>(add, ZERO)
  const text = (value: Rational): string => formatDecimal(value, SCALE, ROUNDINGS['half-even'])
  return { Billed: formatAmount(total), Exact: text(exact), Gain: text(subtract(majorAmount(total), exact)) }
}
