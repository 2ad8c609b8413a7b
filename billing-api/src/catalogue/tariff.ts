import { create } from '@bufbuild/protobuf'
import { TariffSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Item, Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { JsonObject } from '@vouch/proto/kernel/json.ts'
import { sign } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { parseRoundingName } from '@vouch/proto/kernel/rounding.ts'
import { at } from './item.ts'
import { canonicalRule, isPlainText, ruleObjections } from './rule.ts'

/** What somebody asks to publish: rules, or the short form, one price for each item and resource. */
export interface TariffRequest {
  readonly id: string
  readonly currency: string
  readonly amountRounding: string
  /** Which amounts are rounded; absent = every line. */
  readonly roundingStage?: string
  readonly prices?: readonly PriceRequest[]
  /** Documents of rating's grammar; it checks them. */
  readonly rules?: readonly JsonObject[]
  /** Versions of items that rules name; those that are not listed are the newest. */
  readonly items?: readonly { readonly item: string; readonly version: number }[]
}

/** A constant price of one billable unit. */
export interface PriceRequest {
  readonly item: string
  /** Absent = the newest. */
  readonly itemVersion?: number
  /** The unit price, decimal text in currency units. */
  readonly unitPrice: { readonly amount: string; readonly currency: string }
}

/** An item that a tariff needs, and where it asks for it. */
export interface WantedItem {
  readonly id: string
  /** Absent = the newest. */
  readonly version: number | undefined
  /** Of the member that names it. */
  readonly pointer: string
}

/** Bounds of a unit price: sub-cent prices are usual, but a price is no place for 40 digits. */
const PRICE = { maxScale: 12, maxDigits: 24 }

/** The items that a tariff needs, each once, in order of first use. */
export function wantedItems({ prices, rules, items = [] }: TariffRequest): WantedItem[] {
  const pinned = new Map(items.map(({ item, version }) => [item, version]))
  const all = [
    ...(prices ?? []).map(({ item: id, itemVersion }, i) => {
      return { id, version: itemVersion ?? pinned.get(id), pointer: `/prices/${i}/item` }
    }),
    ...(rules ?? []).flatMap(({ item: id }, i) => {
      // What is no plain text names nothing, and a store need not understand it.
      const isName = typeof id === 'string' && isPlainText(id)
      return isName ? [{ id, version: pinned.get(id), pointer: `/rules/${i}/item` }] : []
    }),
  ]
  return all.filter(({ id }, i) => all.findIndex((other) => other.id === id) === i)
}

/** A tariff as it would be published, and what keeps it from that. */
export interface TariffDraft {
  readonly tariff: Tariff
  readonly faults: readonly Fault[]
  /** Whether rating would read the rules as they were written. */
  readonly isPlain: boolean
}

/**
 * The tariff as its next version. `items` answers with each wanted item, or undefined. What is in the rules is
 * rating's to check. Its faults, all at once: CURRENCY_UNKNOWN, ROUNDING_UNKNOWN, CURRENCY_MISMATCH, DECIMAL_INVALID, OUT_OF_RANGE, NOT_FOUND, TARIFF_INVALID, FIELD_INVALID, FIELD_UNKNOWN.
 */
export function draftTariff(
  request: TariffRequest,
  version: number,
  items: readonly (Item | undefined)[],
): TariffDraft {
  const { prices, rules } = request
  const wanted = wantedItems(request)
  const objections = (rules ?? []).flatMap((rule, index) => ruleObjections(rule, `/rules/${index}`))
  const checks: readonly Result<unknown>[] = [
    at('/currency', parseCurrency(request.currency)),
    at('/amountRounding', parseRoundingName(request.amountRounding)),
    (prices === undefined) === (rules === undefined)
      ? fail('TARIFF_INVALID', 'give either prices or rules', { pointer: '/rules' })
      : ok(undefined),
    ...(prices ?? []).flatMap((price, index) => priceChecks(request, price, index)),
    ...objections,
    ...wanted.map(({ id, pointer }, i) =>
      items[i] === undefined
        ? fail('NOT_FOUND', `there is no item ${id} of this version`, { pointer })
        : ok(undefined),
    ),
    ...pinChecks(request, wanted),
  ]
  const tariff = create(TariffSchema, {
    tariffId: request.id,
    version,
    currency: request.currency,
    amountRounding: request.amountRounding,
    roundingStage: request.roundingStage ?? 'line',
    rules: (rules ?? (prices ?? []).map(ruleOf)).map(canonicalRule),
    items: items.filter((item) => item !== undefined),
  })
  const faults = checks.flatMap((check) => (check.ok ? [] : [check.fault]))
  return { tariff, faults, isPlain: objections.length === 0 }
}

/** Items that are listed have a price, and one version. */
function pinChecks({ items = [] }: TariffRequest, wanted: readonly WantedItem[]): Result<unknown>[] {
  return items.map(({ item, version }, i) => {
    const pointer = `/items/${i}`
    const use = wanted.find(({ id }) => id === item)
    if (use === undefined)
      return fail('TARIFF_INVALID', `no rule names the item ${item}`, { pointer: `${pointer}/item` })
    return items.findIndex((other) => other.item === item) < i || use.version !== version
      ? fail('TARIFF_INVALID', `${item} has two versions here`, { pointer: `${pointer}/version` })
      : ok(undefined)
  })
}

/** The rule that a price is short for. */
function ruleOf({ item, unitPrice }: PriceRequest): JsonObject {
  const price = { model: 'per-unit', unitPrice: unitPrice.amount }
  return { id: item, item, kind: 'usage', per: 'resource', price }
}

function unitPriceOf(text: string): Result<Rational> {
  const price = parseDecimal(text, PRICE)
  return price.ok && sign(price.value) < 0 ? fail('OUT_OF_RANGE', 'a price is not negative') : price
}

function priceChecks(request: TariffRequest, price: PriceRequest, index: number): Result<unknown>[] {
  const pointer = `/prices/${index}`
  const { amount, currency } = price.unitPrice
  return [
    at(`${pointer}/unitPrice/amount`, unitPriceOf(amount)),
    currency === request.currency
      ? ok(undefined)
      : fail('CURRENCY_MISMATCH', `the tariff is in ${request.currency}, this price in ${currency}`, {
          pointer: `${pointer}/unitPrice/currency`,
        }),
    request.prices!.findIndex(({ item: id }) => id === price.item) === index
      ? ok(undefined)
      : fail('TARIFF_INVALID', `${price.item} is priced twice`, { pointer: `${pointer}/item` }),
  ]
}
