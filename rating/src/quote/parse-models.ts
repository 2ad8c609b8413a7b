import { ONE, ZERO, compare } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import type { PriceChoice } from '../rule/pieces.ts'
import { matches } from '../rule/select.ts'
import { checkWindows } from '../tariff/calendar-windows.ts'
import type { Model } from '../tariff/model.ts'
import type { Tier } from '../tariff/tiers.ts'
import type { QuoteModel, QuoteRule } from './rule-document.ts'
import { escaped } from './check.ts'
import type { Reader } from './parse.ts'

type Price = Extract<QuoteRule, { kind: 'usage' }>['price']

/** Reads a price that may depend on when or on what. */
export function readPrice(price: Price, pointer: string, reader: Reader): PriceChoice {
  if (price.model === 'matrix') {
    price.rows.forEach(({ when }, index) => {
      const before = price.rows.slice(0, index).findIndex((row) => matches(row.when, when))
      if (before >= 0)
        reader.refuse(
          `${pointer}/rows/${index}/when`,
          `row ${before} takes all of it: put the narrower row first`,
        )
    })
    return {
      by: 'matrix',
      rows: price.rows.map(({ when, price: model }, index) => ({
        when,
        model: readModel(model, `${pointer}/rows/${index}/price`, reader),
      })),
      otherwise:
        price.otherwise === undefined
          ? undefined
          : readModel(price.otherwise, `${pointer}/otherwise`, reader),
    }
  }
  if (price.model !== 'calendar') return { by: 'nothing', model: readModel(price, pointer, reader) }
  const { windows, prices } = price
  for (const fault of checkWindows(windows)) reader.take(`${pointer}/windows`, { ok: false, fault })
  const names = new Set(windows.map(({ name }) => name))
  for (const name of Object.keys(prices))
    if (!names.has(name)) reader.refuse(`${pointer}/prices/${escaped(name)}`, `there is no window ${name}`)
  for (const name of names)
    if (!Object.hasOwn(prices, name)) reader.refuse(`${pointer}/prices`, `the window ${name} has no price`)
  const otherwise = 'otherwise'
  if (names.has(otherwise)) reader.refuse(`${pointer}/windows`, 'no window may have the name otherwise')
  const models = Object.entries(prices).map(
    ([name, model]) => [name, readModel(model, `${pointer}/prices/${escaped(name)}`, reader)] as const,
  )
  const rest = [otherwise, readModel(price.otherwise, `${pointer}/otherwise`, reader)] as const
  return { by: 'window', windows, models: Object.fromEntries([...models, rest]), otherwise }
}

/** Reads a model; notes tiers that do not ascend or end. */
export function readModel(model: QuoteModel, pointer: string, reader: Reader): Model {
  switch (model.model) {
    case 'per-unit':
      return { model: 'per-unit', unitPrice: reader.decimal(model.unitPrice, ZERO) }
    case 'package':
      return {
        model: 'package',
        size: reader.decimal(model.size, ONE),
        price: reader.decimal(model.price, ZERO),
        rounding: model.rounding ?? 'ceiling',
      }
    case 'percentage': {
      const [itemMinimum, itemMaximum] = [reader.maybe(model.itemMinimum), reader.maybe(model.itemMaximum)]
      if (itemMinimum !== undefined && itemMaximum !== undefined && compare(itemMinimum, itemMaximum) > 0)
        reader.refuse(`${pointer}/itemMaximum`, 'an item costs at least more than at most')
      return {
        model: 'percentage',
        percent: reader.decimal(model.percent, ZERO),
        fixed: reader.decimal(model.fixed, ZERO),
        itemMinimum,
        itemMaximum,
        freeItems: BigInt(model.freeItems ?? 0),
        freeAmount: reader.decimal(model.freeAmount, ZERO),
      }
    }
    case 'graduated':
    case 'volume':
    case 'stairstep':
      return {
        model: model.model,
        tiers: readTiers(model, pointer, reader),
        edge: model.edge ?? 'inclusive',
        zero: model.zeroUsage ?? 'charged',
      }
    default:
      throw new Error(`not a model: ${JSON.stringify(model satisfies never)}`)
  }
}

function readTiers(
  { model, tiers }: Extract<QuoteModel, { tiers: unknown }>,
  pointer: string,
  reader: Reader,
): Tier[] {
  let below: Rational | undefined = ZERO
  return tiers.map((tier, index) => {
    const place = `${pointer}/tiers/${index}`
    const upTo = reader.maybe(tier.upTo)
    if (below === undefined) reader.refuse(place, 'the tier before it has no end')
    else if (upTo !== undefined && compare(upTo, below) <= 0)
      reader.refuse(`${place}/upTo`, 'tiers ascend: it must end above the one before')
    if (index === tiers.length - 1 && upTo !== undefined)
      reader.refuse(`${place}/upTo`, 'the last tier must have no end; what lies above it would have no price')
    if (tier.unitPrice === undefined && tier.flat === undefined && tier.percent === undefined)
      reader.refuse(place, 'a tier needs a price; what is free costs "0"')
    if (tier.percent !== undefined && model !== 'graduated')
      reader.refuse(`${place}/percent`, 'only graduated tiers take per cent')
    if (tier.unitPrice !== undefined && model === 'stairstep')
      reader.refuse(`${place}/unitPrice`, 'a step has a flat amount only')
    below = upTo
    return {
      upTo,
      unitPrice: reader.decimal(tier.unitPrice, ZERO),
      flat: reader.decimal(tier.flat, ZERO),
      percent: reader.decimal(tier.percent, ZERO),
    }
  })
}
