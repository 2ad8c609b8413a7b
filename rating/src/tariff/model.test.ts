import { describe, expect, test } from 'vitest'
import { type Row, exact, huge, named, tiersOf } from '../testing/rules.ts'
import { type Model, priceOf, unitPriceOf } from './model.ts'
import type { ZeroUsage } from './tiers.ts'
import { exactText } from './trace.ts'

type Tiered = Extract<Model, { readonly tiers: unknown }>['model']

const ROWS: Row[] = [
  ['5', '0', '100'],
  ['10', '0', '50'],
  ['15', '5'],
  ['', '1'],
]
const tiered = (model: Tiered, rows: Row[], zero: ZeroUsage = 'charged'): Model => ({
  model,
  tiers: tiersOf(rows),
  edge: 'inclusive',
  zero,
})
const UNIT: Model = { model: 'per-unit', unitPrice: exact('2') }
const GRADUATED = tiered('graduated', ROWS)
const PRICED = tiered('graduated', [
  ['10', '10', '2'],
  ['', '5', '3'],
])
const VOLUME = tiered('volume', [
  ['10', '10'],
  ['', '5'],
])
const STEPS = tiered('stairstep', [
  ['10', '0', '100'],
  ['', '0', '150'],
])
const PACKS: Model = { model: 'package', size: exact('10'), price: exact('15'), rounding: 'ceiling' }
const SHARE: Model = {
  model: 'percentage',
  percent: exact('1'),
  fixed: exact('0'),
  itemMinimum: undefined,
  itemMaximum: undefined,
  freeItems: 0n,
  freeAmount: exact('0'),
}
const MODELS = { UNIT, GRADUATED, PRICED, VOLUME, STEPS, PACKS, SHARE }
type Name = keyof typeof MODELS

/** The amount and the names of its steps; an empty text before is nothing billed. */
function price(model: Model, before: string, quantity: string, chosenBy = ''): [string, string[]] {
  const { amount, trace } = priceOf(model, {
    quantity: exact(quantity),
    items: [exact(quantity)],
    before: before === '' ? undefined : exact(before),
    chosenBy: chosenBy === '' ? undefined : exact(chosenBy),
  })
  return [exactText(amount), named(trace)]
}

describe('alone', () => {
  test.each<[Name, string, string, string[]]>([
    ['UNIT', '3', '6', ['per unit']],
    ['UNIT', '-3', '-6', ['per unit']],
    ['GRADUATED', '5.001', '150', ['graduated tier 0 to 5 inclusive', 'graduated tier 5 to 10 inclusive']],
    ['VOLUME', '10', '100', ['volume tier inclusive', 'volume tier 0 to 10']],
    ['STEPS', '10.001', '150', ['stairstep above 10 inclusive']],
    ['PACKS', '10.001', '30', ['packages of 10 ceiling', 'package price']],
    ['SHARE', '50', '0.5', ['items', '1 per cent + 0 an item']],
  ])('%s: %s', (name, quantity, ...expected) => {
    expect(price(MODELS[name], '', quantity)).toEqual(expected)
  })
})

describe('after what was billed before', () => {
  test.each<[name: Name, before: string, quantity: string, amount: string]>([
    ['UNIT', '3', '4', '8'],
    ['UNIT', '3', '-1', '-2'],
    ['UNIT', '1/3', '2/3', '4/3'],
    ['UNIT', '0', '4', '8'],
    ['GRADUATED', '12', '10', '22'],
    ['GRADUATED', '5', '0', '0'],
    ['GRADUATED', '5', '0.001', '50'],
    ['GRADUATED', '4', '1', '0'],
    ['GRADUATED', '22', '-10', '-22'],
    ['GRADUATED', '22', '-22', '-82'],
    ['GRADUATED', '0', '0', '0'],
    ['GRADUATED', '0', '22', '82'],
    ['PRICED', '1/3', '2/3', '20/3'],
    ['PRICED', huge(30), '1', '5'],
    ['PRICED', huge(30), '1/3', '5/3'],
    ['VOLUME', '8', '2', '20'],
    ['VOLUME', '8', '4', '-20'],
    ['VOLUME', '12', '-4', '20'],
    ['STEPS', '5', '5', '0'],
    ['STEPS', '10', '5', '50'],
    ['STEPS', '15', '-5', '-50'],
    ['STEPS', '0', '10', '0'],
    ['PACKS', '17', '3', '0'],
    ['PACKS', '17', '5', '15'],
    ['PACKS', '17', '-7', '-15'],
    ['PACKS', '0', '5', '15'],
    ['PACKS', huge(30), '1', '15'],
    ['SHARE', '100', '50', '0.5'],
  ])('%s: %s, then %s is %s', (name, before, quantity, amount) => {
    expect(price(MODELS[name], before, quantity)[0]).toBe(amount)
  })

  test('both prices are steps', () => {
    expect(price(PACKS, '17', '5')[1]).toEqual([
      'continues',
      'packages of 10 ceiling',
      'package price',
      'before: packages of 10 ceiling',
      'before: package price',
      'less what was billed before',
    ])
    const { trace } = priceOf(STEPS, { quantity: exact('5'), items: [], before: exact('10') })
    expect(trace[0]).toEqual({ rule: 'continues', input: '10 + 5', output: '15' })
    expect(trace.at(-1)).toEqual({
      rule: 'less what was billed before',
      input: '150 - 100',
      output: '50',
    })
  })

  test('what nothing had cost is no step', () => {
    expect(price(UNIT, '0', '4')).toEqual(['8', ['per unit']])
    expect(price(STEPS, '0', '10')[1]).toContain('before: stairstep 0 to 10 inclusive')
  })

  test('the tier is chosen once for both', () => {
    const full = tiered('volume', [
      ['100', '2', '10'],
      ['200', '1', '10'],
      ['', '0.5', '50'],
    ])
    expect(price(full, '', '198.6', '300')[0]).toBe('149.3')
    expect(price(full, '100', '98.6', '300')[0]).toBe('49.3')
  })
})

describe('nothing used', () => {
  test('has no flat amount without tiers', () => {
    expect([UNIT, PACKS, SHARE].map((model) => price(model, '', '0')[0])).toEqual(['0', '0', '0'])
    expect(price({ ...SHARE, fixed: exact('2') }, '', '0')[0]).toBe('2')
  })

  test.each<[model: Tiered, below: string, used: string]>([
    ['graduated', '150', '182'],
    ['volume', '50', '22'],
    ['stairstep', '50', '0'],
  ])('%s: charged or free', (model, below, used) => {
    const [charged, free] = [tiered(model, ROWS), tiered(model, ROWS, 'free')]
    expect(price(charged, '', '0')[0]).toBe('100')
    expect(price(free, '', '0')).toEqual(['0', ['zero usage free']])
    expect(price(free, '', '0.001')).toEqual(price(charged, '', '0.001'))
    expect(price(free, '', '5.001')[0]).toBe(below)
    // The first use after nothing costs all; taking all back gives all back.
    expect(price(free, '0', '22')).toEqual(price(free, '', '22'))
    expect(price(free, '0', '22')[0]).toBe(used)
    expect(price(free, '5.001', '-5.001')[0]).toBe(`-${below}`)
    expect(price(free, '0', '0')).toEqual(['0', ['zero usage free']])
  })

  test('free, whatever chooses the tier', () => {
    expect(price(tiered('volume', ROWS), '', '0', '7')[0]).toBe('50')
    expect(price(tiered('volume', ROWS, 'free'), '', '0', '7')[0]).toBe('0')
  })
})

test('one price of every unit is that of a model per unit', () => {
  expect(unitPriceOf(UNIT)).toEqual(exact('2'))
  for (const model of [GRADUATED, VOLUME, STEPS, PACKS, SHARE]) expect(unitPriceOf(model)).toBeUndefined()
})
