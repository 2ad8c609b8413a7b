import { create } from '@bufbuild/protobuf'
import { TariffSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Item, Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { collect, fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { sign } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { parseRoundingName } from '@vouch/proto/kernel/rounding.ts'
import { at } from './item.ts'

/** What somebody asks to publish: one price for each item. */
export interface TariffRequest {
  readonly id: string
  readonly currency: string
  readonly amountRounding: string
  readonly prices: readonly PriceRequest[]
}

/** A constant price of one billable unit. */
export interface PriceRequest {
  readonly item: string
  /** Absent = the newest. */
  readonly itemVersion?: number
  /** The unit price, decimal text in currency units. */
  readonly unitPrice: { readonly amount: string; readonly currency: string }
}

/** Bounds of a unit price: sub-cent prices are usual, but a price is no place for 40 digits. */
const PRICE = { maxScale: 12, maxDigits: 24 }

/**
 * The tariff as its next version. `items` answers with the item of each price, or undefined.
 * Faults, all at once: CURRENCY_UNKNOWN, CURRENCY_MISMATCH, DECIMAL_INVALID, OUT_OF_RANGE, ROUNDING_UNKNOWN,
 * NOT_FOUND, TARIFF_INVALID.
 */
export function draftTariff(
  request: TariffRequest,
  version: number,
  items: readonly (Item | undefined)[],
): Result<Tariff> {
  const checks = collect<unknown>([
    at('/currency', parseCurrency(request.currency)),
    at('/amountRounding', parseRoundingName(request.amountRounding)),
    ...request.prices.flatMap((price, index) => priceChecks(request, price, index, items[index])),
  ])
  if (!checks.ok) return checks
  return ok(
    create(TariffSchema, {
      tariffId: request.id,
      version,
      currency: request.currency,
      amountRounding: request.amountRounding,
      prices: request.prices.map(({ item, unitPrice }) => ({
        itemId: item,
        model: { case: 'perUnit' as const, value: { unitPrice: unitPrice.amount } },
      })),
      items: items.filter((item) => item !== undefined),
    }),
  )
}

function unitPriceOf(text: string): Result<Rational> {
  const price = parseDecimal(text, PRICE)
  return price.ok && sign(price.value) < 0 ? fail('OUT_OF_RANGE', 'a price is not negative') : price
}

function priceChecks(
  request: TariffRequest,
  price: PriceRequest,
  index: number,
  item: Item | undefined,
): Result<unknown>[] {
  const pointer = `/prices/${index}`
  const { amount, currency } = price.unitPrice
  return [
    at(`${pointer}/unitPrice/amount`, unitPriceOf(amount)),
    currency === request.currency
      ? ok(undefined)
      : fail('CURRENCY_MISMATCH', `the tariff is in ${request.currency}, this price in ${currency}`, {
          pointer: `${pointer}/unitPrice/currency`,
        }),
    item === undefined
      ? fail('NOT_FOUND', `there is no item ${price.item} of this version`, { pointer: `${pointer}/item` })
      : ok(undefined),
    request.prices.findIndex(({ item: id }) => id === price.item) === index
      ? ok(undefined)
      : fail('TARIFF_INVALID', `${price.item} is priced twice`, { pointer: `${pointer}/item` }),
  ]
}
