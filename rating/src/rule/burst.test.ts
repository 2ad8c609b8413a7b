import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { UnitId } from '@vouch/proto/kernel/unit.ts'
import { describe, expect, test } from 'vitest'
import { exactText } from '../tariff/trace.ts'
import { between, exact, huge, named, scopeOf, tiersOf } from '../testing/rules.ts'
import { inSteps } from '../usage/slot-values.ts'
import { type BurstRule, applyBurst } from './burst.ts'
import type { QuantityRule } from './quantity.ts'
import type { Series } from './types.ts'

const QUANTITY: QuantityRule = {
  aggregate: 'sum',
  threshold: undefined,
  increment: undefined,
  rounding: undefined,
  free: undefined,
  minimum: undefined,
}
/** The 95th percentile of what goes out, at 2 for each Mbit/s. */
const RULE: BurstRule = {
  kind: 'percentile',
  id: 'burst',
  name: 'burst',
  select: { meters: ['net'], dimensions: {} },
  per: 'contract',
  percentile: { percent: exact('95'), directions: 'out', missing: 'excluded' },
  reviewBelow: undefined,
  effective: undefined,
  unit: 'Mbit/s',
  commit: exact('0'),
  factor: exact('1'),
  quantity: QUANTITY,
  price: { model: 'per-unit', unitPrice: exact('2') },
}
/** Slots of a port; "-" is missing. */
const port = (slots: string, unit: UnitId = 'Mbit/s', resource = 'port:1', index = 0): Series => ({
  index,
  meter: 'net',
  resource,
  dimensions: {},
  direction: 'out',
  unit,
  ...inSteps(slots.split(' ').map((slot) => (slot === '-' ? undefined : exact(slot)))),
})
const counting = (count: number): string =>
  Array.from({ length: count }, (_, index) => `${index + 1}`).join(' ')
const upTo20 = port(counting(20))
/** Quantity and amount of each line. */
const billed = (rule: Partial<BurstRule>, ...series: Series[]): string[] =>
  unwrap(applyBurst({ ...RULE, ...rule }, scopeOf([], { series }))).lines.map(
    ({ quantity, exact: amount }) =>
      `${quantity === undefined ? '' : exactText(quantity)}: ${exactText(amount)}`,
  )
const commit = (text: string): Partial<BurstRule> => ({ commit: exact(text) })

describe('of 1 to 20', () => {
  test.each<[string, Partial<BurstRule>, string]>([
    ['no commitment', {}, '19: 38'],
    ['some', commit('10'), '9: 18'],
    ['just below', commit('18.999'), '0.001: 0.002'],
    ['exactly', commit('19'), '0: 0'],
    ['more', commit('19.001'), '0: 0'],
    ['very much', commit(huge(30)), '0: 0'],
    ['thirds of it', commit('1/3'), '56/3: 112/3'],
    ['converted by a factor', { factor: exact('1/3') }, '19/3: 38/3'],
    ['converted, then committed', { factor: exact('1/3'), ...commit('5') }, '4/3: 8/3'],
    [
      'free before the commitment',
      {
        ...commit('10'),
        quantity: { ...QUANTITY, free: { quantity: exact('4'), stage: 'before-rounding' } },
      },
      '5: 10',
    ],
    [
      'at least so much before the commitment',
      { ...commit('10'), quantity: { ...QUANTITY, minimum: exact('25') } },
      '15: 30',
    ],
    ['the peak', { percentile: { ...RULE.percentile, percent: exact('100') } }, '20: 40'],
    ['for 15 of 31 days', { ...commit('3.5'), effective: between('2026-03-01', '2026-03-16') }, '15.5: 15'],
  ])('%s', (_, rule, expected) => {
    expect(billed(rule, upTo20)).toEqual([expected])
  })

  test('what nothing costs', () => {
    const flat = (zero: 'charged' | 'free'): Partial<BurstRule> => ({
      ...commit('19'),
      price: { model: 'graduated', tiers: tiersOf([['', '2', '5']]), edge: 'inclusive', zero },
    })
    expect(billed(flat('charged'), upTo20)).toEqual(['0: 5'])
    expect(billed(flat('free'), upTo20)).toEqual(['0: 0'])
  })
})

describe('of other slots', () => {
  test.each<[string, Partial<BurstRule>, Series, string]>([
    ['one', {}, port('7'), '7: 14'],
    ['nothing but 0', {}, port('0 0 0'), '0: 0'],
    ['19, of which none is dropped', {}, port(counting(19)), '19: 38'],
    ['40, of which two are', {}, port(counting(40)), '38: 76'],
    ['39, of which one is', {}, port(counting(39)), '38: 76'],
    ['thirds', {}, port('1/3 2/3'), '2/3: 4/3'],
    ['very large', {}, port(`1 ${huge(30, '1')}`), `${huge(30, '1')}: 2${'2'.padStart(30, '0')}`],
    ['in kbit/s', {}, port('18500', 'kbit/s'), '18.5: 37'],
    [
      'rounded up',
      { quantity: { ...QUANTITY, rounding: { mode: 'ceiling', scale: 0, at: 'line' } } },
      port('18500', 'kbit/s'),
      '19: 38',
    ],
    ['missing', {}, port(`${counting(20)} -`), '19: 38'],
    [
      'missing, as 0',
      { percentile: { ...RULE.percentile, missing: 'zero' } },
      port(`${counting(19)} -`),
      '18: 36',
    ],
  ])('%s', (_, rule, series, expected) => {
    expect(billed(rule, series)).toEqual([expected])
  })
})

describe('of several ports', () => {
  const [first, second] = [port('1 5'), port('7 2', 'Mbit/s', 'port:2', 1)]

  test('added slot by slot, or each by itself', () => {
    expect(billed({}, first, second)).toEqual(['8: 16'])
    expect(billed({ per: 'resource' }, first, second)).toEqual(['5: 10', '7: 14'])
    expect(billed({ per: 'resource', ...commit('6') }, first, second)).toEqual(['0: 0', '1: 2'])
  })

  test('only those that are selected', () => {
    expect(billed({}, first, { ...second, meter: 'other' })).toEqual(['5: 10'])
    expect(billed({ select: { meters: ['other'], dimensions: {} } }, first)).toEqual([])
    expect(billed({})).toEqual([])
  })

  test.each<[string, Partial<BurstRule>, Series[], string]>([
    ['units that differ', {}, [first, { ...second, unit: 'kbit/s' }], 'UNIT_MISMATCH'],
    ['a unit of something else', { unit: 'GB' }, [first], 'UNIT_MISMATCH'],
    ['numbers of slots that differ', {}, [first, port('1', 'Mbit/s', 'port:2', 1)], 'TARIFF_INVALID'],
    ['no slot left', {}, [port('- -')], 'USAGE_INCOMPLETE'],
    [
      'a slot missed',
      { percentile: { ...RULE.percentile, missing: 'refused' } },
      [port('1 -')],
      'USAGE_INCOMPLETE',
    ],
  ])('%s: a fault', (_, rule, series, code) => {
    expect(applyBurst({ ...RULE, ...rule }, scopeOf([], { series }))).toMatchObject({
      ok: false,
      fault: { code },
    })
  })
})

test('ranking, conversion, commitment and price are steps', () => {
  const rule = { ...RULE, ...commit('10'), effective: between('2026-03-01', '2026-03-16') }
  const { lines } = unwrap(applyBurst(rule, scopeOf([], { series: [port('18500', 'kbit/s')] })))
  expect(lines.map(({ trace }) => named(trace))).toEqual([
    [
      'percentile 95 out',
      'kbit/s to Mbit/s',
      'commit',
      'per unit',
      'proration day UTC',
      'prorated',
      'amount half-even EUR',
    ],
  ])
})
