import type { CurrencyCode } from '@vouch/proto/kernel/currency.ts'
import { type Result, ok } from '@vouch/proto/kernel/fault.ts'
import { formatAmount, roundToMoney } from '@vouch/proto/kernel/money.ts'
import { ROUNDINGS, type RoundingName } from '@vouch/proto/kernel/rounding.ts'
import { billableQuantity } from './item.ts'
import { perUnit } from './per-unit.ts'
import type { PricedItem } from './tariff.ts'
import { type TraceStep, exactText } from './trace.ts'

/** A priced quantity with every step on the way; texts are what the invoice and the proof show. */
export interface Price {
  readonly quantity: string
  readonly unitPrice: string
  /** Decimal text in the currency's minor-unit scale. */
  readonly amount: string
  readonly trace: readonly TraceStep[]
}

/**
 * The price of stream quantities in their base unit: their sum, converted, rounded, priced, rounded
 * to the currency. Faults: UNIT_UNKNOWN, UNIT_MISMATCH.
 */
export function priceUsage(
  item: PricedItem,
  rules: { readonly currency: CurrencyCode; readonly amountRounding: RoundingName },
  quantities: readonly bigint[],
  baseUnit: string,
): Result<Price> {
  const base = quantities.reduce((sum, quantity) => sum + quantity, 0n)
  const billable = billableQuantity(item, base, baseUnit)
  if (!billable.ok) return billable
  const { value, text: quantity, trace } = billable.value
  const priced = perUnit(value, item.unitPrice)
  const amount = formatAmount(roundToMoney(priced.amount, rules.currency, ROUNDINGS[rules.amountRounding]))
  const total = { rule: 'sum of streams', input: `${quantities.length} of ${item.meter}`, output: `${base}` }
  const rounded = {
    rule: `amount ${rules.amountRounding} ${rules.currency}`,
    input: exactText(priced.amount),
    output: amount,
  }
  return ok({
    quantity,
    unitPrice: item.unitPriceText,
    amount,
    trace: [total, ...trace, ...priced.trace, rounded],
  })
}
