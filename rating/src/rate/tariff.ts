import type { Item, Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import { type Fault, type Result, failures, ok } from '@vouch/proto/kernel/fault.ts'
import { METERS, directionOf, isBuiltInMeter, parseMeter } from '@vouch/proto/kernel/meter.ts'
import { type Period, intersect } from '@vouch/proto/kernel/period.ts'
import { type UnitId, conversion, rateOf } from '@vouch/proto/kernel/unit.ts'
import { faultsBySchema } from '../quote/check.ts'
import { ContractDocument, type ContractText } from '../quote/document.ts'
import type { QuoteRule } from '../quote/rule-document.ts'
import { readRules } from '../quote/parse-rules.ts'
import { Reader } from '../quote/parse.ts'
import { STAND_INS, remainderOf, without } from '../quote/remainder.ts'
import type { Rule } from '../rule/evaluate.ts'
import { isSpend } from '../rule/spend.ts'
import type { Terms } from '../rule/types.ts'
import { rankedDirections } from '../usage/percentile.ts'

/** The stretch that a tariff is applied to. */
export interface Place {
  /** The period of the document. */
  readonly period: Period
  /** The part of it in which the tariff is in force. */
  readonly inForce: Period
  /** From where to where the account is under it; undefined = not known. */
  readonly contract?: Period | undefined
  /** The term that was agreed, where the contract ends early with the stretch. */
  readonly term?: Period | undefined
  /** IANA. */
  readonly zone: string
}

/** A tariff that has been checked, for one stretch. */
export interface PricedTariff {
  readonly terms: Terms
  /** In their order, each cut to the stretch. */
  readonly rules: readonly Rule[]
  /** The item that a rule sells, by the rule's id. */
  readonly itemOf: ReadonlyMap<string, string>
}

/** Rule and item of the line that makes lines sum to a total which alone is rounded; no rule has this id. */
export const ROUNDING = 'rounding'
const SOME_PLACE: Place = { period: { from: 0, to: 1 }, inForce: { from: 0, to: 1 }, zone: 'UTC' }

/**
 * Checks a tariff, and what its rules come to in a stretch. Fault: TARIFF_INVALID with every single fault in `causes`,
 * each with a JSON pointer into the tariff and its own code.
 */
export function parseTariff(tariff: Tariff, place: Place = SOME_PLACE): Result<PricedTariff> {
  const document = documentOf(tariff)
  const bySchema = faultsBySchema(ContractDocument, document)
  const readable = without(remainderOf(document), bySchema.faults)
  if (readable.document === undefined || !bySchema.isWhole) return invalid(tariff, readable)
  // The schema has just accepted it.
  const contract = readable.document as unknown as ContractText
  const reader = new Reader(readable.unread)
  const terms: Terms = {
    currency: reader.take('/currency', parseCurrency(contract.currency)) ?? STAND_INS.currency,
    zone: place.zone,
    period: place.period,
    inForce: place.inForce,
    contract: place.contract,
    term: place.term,
    rounding: { stage: contract.rounding?.stage ?? 'line', mode: contract.rounding?.mode ?? 'half-up' },
  }
  const rules = readRules(contract, terms, reader)
  const itemOf = new Map(
    contract.rules.flatMap((rule) =>
      'item' in rule && rule.item !== undefined ? [[rule.id, rule.item] as const] : [],
    ),
  )
  contract.rules.forEach((rule, index) => checkMeasurable(rule, `/rules/${index}`, reader))
  checkItems(contract, tariff.rules, reader)
  rules.forEach((rule, index) => {
    const pointer = `/rules/${index}`
    checkUnits(rule, pointer, reader)
    checkDirections(rule, pointer, reader)
    if (!itemOf.has(rule.id)) checkMeters(rule, pointer, reader)
  })
  const { faults } = without(readable, reader.faults)
  if (faults.length > 0) return invalid(tariff, { faults })
  return ok({ terms, rules: rules.flatMap((rule) => inForce(rule, place)), itemOf })
}

/** The tariff as a document of the schema; members that say nothing are left out. */
function documentOf({ currency, amountRounding, roundingStage, items, rules }: Tariff): unknown {
  return {
    currency,
    rounding: {
      ...(roundingStage === '' ? {} : { stage: roundingStage }),
      ...(amountRounding === '' ? {} : { mode: amountRounding }),
    },
    ...(items.length === 0 ? {} : { items: items.map((item) => itemDocument(item)) }),
    rules,
  }
}

function itemDocument(item: Item): unknown {
  const { itemId: id, name, meter, unit, threshold, increment, quantityRounding: rounding } = item
  const { mode, scale } = rounding ?? {}
  return {
    id,
    ...(name === '' ? {} : { name }),
    meter,
    unit,
    ...(threshold === undefined
      ? {}
      : { threshold: said({ quantity: threshold.quantity, at: threshold.at }) }),
    ...(increment === undefined
      ? {}
      : { increment: said({ size: increment.size, minimum: increment.minimum, at: increment.at }) }),
    ...(rounding === undefined ? {} : { rounding: { mode, scale } }),
  }
}

/** The members that are not empty. */
function said(members: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== ''))
}

function invalid(tariff: Tariff, { faults }: { readonly faults: readonly Fault[] }): Result<never> {
  const causes = faults.map((fault) => ({ ...fault, pointer: ownPointer(fault.pointer ?? '') }))
  const name = tariff.tariffId === '' ? 'the tariff' : `tariff ${tariff.tariffId}`
  return failures('TARIFF_INVALID', `${name}: `, causes)
}

/** A pointer into the document as one into the tariff. */
function ownPointer(pointer: string): string {
  return pointer
    .replace(/^\/rounding\/mode/, '/amountRounding')
    .replace(/^\/rounding\/stage/, '/roundingStage')
    .replace(/^(\/items\/\d+)\/id/, '$1/itemId')
    .replace(/^(\/items\/\d+)\/rounding/, '$1/quantityRounding')
}

/** What registers and their snapshots cannot answer has no place in a tariff. */
function checkMeasurable(rule: QuoteRule, pointer: string, reader: Reader): void {
  if (rule.id === ROUNDING)
    reader.refuse(`${pointer}/id`, 'it names the line for the rest of a rounded total')
  if (rule.kind === 'usage' && rule.level !== undefined)
    reader.refuse(`${pointer}/level`, 'levels are metered as integrals over time; price those')
  if (rule.kind === 'usage' && rule.late !== undefined)
    reader.refuse(`${pointer}/late`, 'what becomes of late usage is decided for a whole invoice')
  if (rule.kind === 'fee' && rule.period !== undefined)
    reader.refuse(`${pointer}/period`, 'a fee of a tariff is for the period of each invoice')
}

/** @param rules all of them, also those that nobody could read. */
function checkItems({ items = [] }: ContractText, rules: Tariff['rules'], reader: Reader): void {
  const named = new Set<unknown>(rules.map(({ item }) => item))
  items.forEach(({ id, meter, unit }, index) => {
    if (!named.has(id)) reader.refuse(`/items/${index}/id`, `item ${id} has no price`)
    reader.take(`/items/${index}/meter`, parseMeter(meter, isBuiltInMeter(meter) ? undefined : unit))
  })
}

/** Whether what built-in meters count converts to the unit of the rule. */
function checkUnits(rule: Rule, pointer: string, reader: Reader): void {
  if (rule.kind !== 'usage' && rule.kind !== 'percentile') return
  for (const meter of rule.select.meters) {
    if (!isBuiltInMeter(meter)) continue
    const { unit } = METERS[meter]
    const converts = rule.kind === 'usage' ? conversion(unit, rule.unit) : rateIn(unit, rule.unit)
    reader.take(`${pointer}/unit`, converts)
  }
}

/** A percentile needs meters of the directions that it ranks, and of no others. */
function checkDirections(rule: Rule, pointer: string, reader: Reader): void {
  if (rule.kind !== 'percentile') return
  const { directions } = rule.percentile
  const metered = new Set(rule.select.meters.map(directionOf))
  const needed = rankedDirections(directions)
  const absent = needed.find((direction) => !metered.has(direction))
  if (absent !== undefined)
    reader.refuse(`${pointer}/directions`, `${directions} ranks ${absent}, of which no meter is selected`)
  else if (metered.has('level') && !needed.includes('level'))
    reader.refuse(
      `${pointer}/directions`,
      `${directions} ranks traffic, but a meter without direction is selected`,
    )
}

function checkMeters(rule: Rule, pointer: string, reader: Reader): void {
  if (rule.kind !== 'usage' && rule.kind !== 'percentile') return
  for (const [index, meter] of rule.select.meters.entries())
    if (!isBuiltInMeter(meter)) reader.take(`${pointer}/select/meters/${index}`, parseMeter(meter, '1'))
}

function rateIn(unit: UnitId, wanted: UnitId): Result<unknown> {
  const rate = rateOf(unit)
  return rate.ok ? conversion(rate.value.unit, wanted) : rate
}

/** The rule in the stretch in which the tariff is in force; none where they do not meet. */
function inForce(rule: Rule, { period, inForce: stretch }: Place): Rule[] {
  // What counts over a window has its own part of that.
  if (!('effective' in rule) || (isSpend(rule) && rule.window !== undefined)) return [rule]
  if (stretch.from === period.from && stretch.to === period.to) return [rule]
  const effective = rule.effective === undefined ? stretch : intersect(rule.effective, stretch)
  return effective === undefined ? [] : [{ ...rule, effective }]
}
