import { describe, expect, test } from 'vitest'
import { UNROUNDED, between, exact, huge, linesIn, named, scopeOf } from '../testing/rules.ts'
import { type DiscountRule, applyDiscount } from './discount.ts'

type Lines = readonly (readonly [name: string, amount: string])[]
type Case = readonly [what: string, lines: Lines, rule: Partial<DiscountRule>, exact: string]

const RULE: DiscountRule = {
  kind: 'discount',
  id: 'less',
  name: 'less',
  of: undefined,
  percent: undefined,
  amount: undefined,
  base: 'remaining',
  effective: undefined,
}
const percent = (text: string, more: Partial<DiscountRule> = {}): Partial<DiscountRule> => ({
  percent: exact(text),
  ...more,
})
const amount = (text: string, more: Partial<DiscountRule> = {}): Partial<DiscountRule> => ({
  amount: exact(text),
  ...more,
})
const A: Lines = [['a', '100']]
const REDUCED: Lines = [
  ['a', '100'],
  ['promo:discount', '-20'],
  ['b', '50'],
]
const original = { base: 'original' } as const
/** 15 of the 31 days. */
const effective = between('2026-03-01', '2026-03-16')

const SHARES: Case[] = [
  ['of no lines', [], percent('10'), ''],
  ['of nothing', [['a', '0']], percent('10'), ''],
  ['of what is given back', [['a', '-5']], percent('10'), ''],
  ['of what comes to nothing', [...A, ['b', '-100']], percent('10'), ''],
  ['nothing', A, percent('0'), ''],
  ['a tenth', A, percent('10'), '-10'],
  ['a third', A, percent('100/3'), '-100/3'],
  ['all', A, percent('100'), '-100'],
  ['more than all', A, percent('100.01'), '-100'],
  ['for a part of the time', A, percent('10', { effective }), '-10'],
  ['very much', [['a', huge(30)]], percent('1'), `-${huge(28)}`],
  ['of one rule', REDUCED, percent('10', { of: ['b'] }), '-5'],
  ['of a rule that is not there', REDUCED, percent('10', { of: ['c'] }), ''],
]

const AMOUNTS: Case[] = [
  ['of no lines', [], amount('30'), ''],
  ['nothing', A, amount('0'), ''],
  ['a part', A, amount('30'), '-30'],
  ['all exactly', A, amount('100'), '-100'],
  ['more than all', A, amount('100.01'), '-100'],
  ['for a part of the time', A, amount('31', { effective }), '-15'],
  ['thirds of the time', A, amount('1', { effective: between('2026-03-01', '2026-03-08') }), '-7/31'],
  ['for none of the time', A, amount('31', { effective: between('2026-04-01', '2026-05-01') }), ''],
  ['more than is left of one rule', REDUCED, amount('60', { of: ['b'] }), '-50'],
  ['more than is left of all', REDUCED, amount('140'), '-130'],
]

const BASES: Case[] = [
  ['what remains', REDUCED, percent('10'), '-13'],
  ['the original', REDUCED, percent('10', original), '-15'],
  ['what remains of a rule and its reduction', REDUCED, percent('10', { of: ['a', 'promo'] }), '-8'],
  ['the original of both', REDUCED, percent('10', { ...original, of: ['a', 'promo'] }), '-10'],
  ['a rule alone', REDUCED, percent('10', { of: ['a'] }), '-10'],
  ['no more than remains', [...A, ['promo:credit', '-95']], percent('10', original), '-5'],
  ['nothing that remains', [...A, ['promo:sla-credit', '-100']], percent('10', original), ''],
  ['less than nothing', [...A, ['promo:credit', '-101']], percent('10', original), ''],
  ['a rule beside what is given back', [...A, ['b', '-60']], percent('10', { of: ['a'] }), '-10'],
  ['no more than is due in all', [...A, ['b', '-95']], percent('10', { of: ['a'] }), '-5'],
  [
    'a rule that a reduction of all has paid for the most part',
    [...A, ['promo:discount', '-90']],
    percent('50', { of: ['a'] }),
    '-10',
  ],
  ['other lines below zero are none of them', [...A, ['cap:maximum', '-20']], percent('10', original), '-8'],
]

describe.each<[string, Case[]]>([
  ['shares', SHARES],
  ['amounts', AMOUNTS],
  ['bases', BASES],
])('%s', (_, cases) => {
  test.each(cases)('%s', (__, lines, rule, expected) => {
    const { lines: added } = applyDiscount({ ...RULE, ...rule }, scopeOf(lines))
    expect(linesIn({ lines: added })).toEqual(expected === '' ? [] : [`discount ${expected}`])
  })
})

test('of lines as they are rounded, or exact where the total alone is', () => {
  const thirds: Lines = [['a', '100/3']]
  const rule = { ...RULE, ...percent('10') }
  const [rounded, unrounded] = [
    applyDiscount(rule, scopeOf(thirds)),
    applyDiscount(rule, scopeOf(thirds, { terms: UNROUNDED })),
  ]
  expect(linesIn(rounded)).toEqual(['discount -3.333'])
  expect(rounded.lines.map(({ amount: { minor } }) => minor)).toEqual([-333n])
  expect(linesIn(unrounded)).toEqual(['discount -10/3'])
})

test('the base and the share are steps', () => {
  const steps = (rule: Partial<DiscountRule>): string[] =>
    applyDiscount({ ...RULE, ...rule }, scopeOf(REDUCED)).lines.flatMap(({ trace }) => named(trace))
  expect(steps(percent('10', original))).toEqual([
    'base original',
    'discount 10 per cent of original',
    'amount half-even EUR',
  ])
  expect(steps(amount('31', { effective }))).toEqual([
    'base remaining',
    'proration day UTC',
    'prorated',
    'discount amount',
    'amount half-even EUR',
  ])
})
