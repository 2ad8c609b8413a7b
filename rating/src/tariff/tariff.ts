import type { Item as ItemMessage, Price, Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { type CurrencyCode, parseCurrency } from '@vouch/proto/kernel/currency.ts'
import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { type Fault, type FaultCode, type Result, fail, ok } from '@vouch/proto/kernel/fault.ts'
import { isBuiltInMeter, parseMeter } from '@vouch/proto/kernel/meter.ts'
import { type Rational, sign } from '@vouch/proto/kernel/rational.ts'
import { type RoundingName, parseRoundingName } from '@vouch/proto/kernel/rounding.ts'
import { type UnitId, conversion, parseUnit } from '@vouch/proto/kernel/unit.ts'
import type { Item } from './item.ts'

/** An item with its price. */
export interface PricedItem extends Item {
  readonly name: string
  /** Price of one billable unit as the tariff spells it. */
  readonly unitPriceText: string
  readonly unitPrice: Rational
}

/** A tariff whose every member has been checked. */
export interface PricedTariff {
  readonly tariffId: string
  readonly version: number
  readonly currency: CurrencyCode
  readonly amountRounding: RoundingName
  /** In the order of the tariff's prices. */
  readonly items: readonly PricedItem[]
}

const SCALE_MAX = 12
const ITEMS_MAX = 1000
/** A fault travels in a header, which is small. */
const CAUSES_MAX = 20

/** Collects the faults of a document instead of stopping at the first. */
class Findings {
  readonly faults: Fault[] = []

  take<T>(pointer: string, result: Result<T>): T | undefined {
    if (result.ok) return result.value
    this.add(pointer, result.fault.message, result.fault.code)
    return undefined
  }

  add(pointer: string, message: string, code: FaultCode = 'TARIFF_INVALID'): undefined {
    this.faults.push({ code, message, pointer })
  }
}

/**
 * Checks a tariff and joins each price with its item. Fault: TARIFF_INVALID with the single faults,
 * the first twenty, in `causes`, each with a JSON pointer into the tariff and its own code.
 */
export function parseTariff(tariff: Tariff): Result<PricedTariff> {
  const findings = new Findings()
  if (tariff.tariffId === '') findings.add('/tariffId', 'a tariff needs an id')
  if (tariff.version < 1) findings.add('/version', 'versions count from 1')
  const currency = findings.take('/currency', parseCurrency(tariff.currency))
  const amountRounding = findings.take('/amountRounding', parseRoundingName(tariff.amountRounding))
  if (tariff.prices.length === 0) findings.add('/prices', 'a tariff needs at least one price')
  const items = tariff.items.length > ITEMS_MAX ? new Map<string, Item>() : parseItems(tariff.items, findings)
  if (tariff.items.length > ITEMS_MAX) findings.add('/items', `a tariff has at most ${ITEMS_MAX} items`)
  const priced = tariff.prices
    .slice(0, ITEMS_MAX)
    .map((price, i) => parsePrice(price, i, tariff, items, findings))
  reportRepeated(
    tariff.prices.map((price) => price.itemId),
    '/prices',
    findings,
  )
  const names = new Set(tariff.prices.map((price) => price.itemId))
  tariff.items.forEach((item, i) => {
    if (!names.has(item.itemId)) findings.add(`/items/${i}/itemId`, `item ${item.itemId} has no price`)
  })
  const found = priced.filter((item) => item !== undefined)
  if (findings.faults.length > 0 || currency === undefined || amountRounding === undefined) {
    const causes = findings.faults.slice(0, CAUSES_MAX)
    const more = findings.faults.length - causes.length
    const text = causes.map((fault) => `${fault.pointer}: ${fault.message}`).join('; ')
    const rest = more === 0 ? '' : `; and ${more} more`
    return fail('TARIFF_INVALID', `tariff ${tariff.tariffId}: ${text}${rest}`, { causes })
  }
  return ok({ tariffId: tariff.tariffId, version: tariff.version, currency, amountRounding, items: found })
}

function reportRepeated(ids: readonly string[], list: string, findings: Findings): void {
  ids.forEach((id, i) => {
    if (ids.indexOf(id) < i) findings.add(`${list}/${i}/itemId`, `item ${id} occurs twice`)
  })
}

function parseItems(items: readonly ItemMessage[], findings: Findings): Map<string, Item> {
  reportRepeated(
    items.map((item) => item.itemId),
    '/items',
    findings,
  )
  const known = new Map<string, Item>()
  items.forEach((message, i) => {
    const item = parseItem(message, `/items/${i}`, findings)
    if (item !== undefined) known.set(item.itemId, item)
  })
  return known
}

function parseItem(message: ItemMessage, pointer: string, findings: Findings): Item | undefined {
  const { itemId, meter, quantityRounding: rounding } = message
  if (itemId === '') findings.add(`${pointer}/itemId`, 'an item needs an id')
  if (message.version < 1) findings.add(`${pointer}/version`, 'versions count from 1')
  if (message.name === '') findings.add(`${pointer}/name`, 'an item needs a name')
  const unit = findings.take(`${pointer}/unit`, parseUnit(message.unit))
  const checked = checkMeter(meter, unit, pointer, findings)
  const mode = findings.take(
    `${pointer}/quantityRounding`,
    rounding === undefined
      ? fail('FIELD_MISSING', 'name how the quantity is rounded')
      : parseRoundingName(rounding.mode),
  )
  if (rounding !== undefined && rounding.scale > SCALE_MAX) {
    findings.add(`${pointer}/quantityRounding/scale`, `at most ${SCALE_MAX} decimals`)
  }
  if (unit === undefined || !checked || mode === undefined || rounding === undefined) return undefined
  return { itemId, meter, unit, quantityRounding: mode, quantityScale: rounding.scale }
}

function checkMeter(meter: string, unit: UnitId | undefined, pointer: string, findings: Findings): boolean {
  const parsed = findings.take(
    `${pointer}/meter`,
    parseMeter(meter, isBuiltInMeter(meter) ? undefined : (unit ?? '1')),
  )
  if (parsed === undefined) return false
  if (!isBuiltInMeter(meter) || unit === undefined) return true
  return findings.take(`${pointer}/unit`, conversion(parsed.unit, unit)) !== undefined
}

function parsePrice(
  price: Price,
  index: number,
  tariff: Tariff,
  items: ReadonlyMap<string, Item>,
  findings: Findings,
): PricedItem | undefined {
  const pointer = `/prices/${index}`
  const message = tariff.items.find((candidate) => candidate.itemId === price.itemId)
  if (message === undefined)
    return findings.add(`${pointer}/itemId`, `the tariff has no item ${price.itemId}`)
  if (price.model.case === undefined) return findings.add(`${pointer}/model`, 'a price needs a model')
  const unitPriceText = price.model.value.unitPrice
  const field = `${pointer}/perUnit/unitPrice`
  const unitPrice = findings.take(field, parseDecimal(unitPriceText, { maxScale: SCALE_MAX }))
  if (unitPrice !== undefined && sign(unitPrice) < 0) findings.add(field, 'a price is not negative')
  const item = items.get(price.itemId)
  return item === undefined || unitPrice === undefined
    ? undefined
    : { ...item, name: message.name, unitPriceText, unitPrice }
}
