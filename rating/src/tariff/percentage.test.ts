import { describe, expect, test } from 'vitest'
import { exact, huge } from '../testing/rules.ts'
import { type Percentage, percentage } from './percentage.ts'
import { exactText } from './trace.ts'

type Case = readonly [what: string, rule: Partial<Percentage>, items: string, amount: string, priced: string]

/** A published example: 1.3 per cent and 2 for each. */
const PAID: Percentage = {
  percent: exact('1.3'),
  fixed: exact('2'),
  itemMinimum: undefined,
  itemMaximum: undefined,
  freeItems: 0n,
  freeAmount: exact('0'),
}
/** One per cent alone. */
const SHARE = { percent: exact('1'), fixed: exact('0') }
const ITEMS = '50 100 250 400'

const SHARES: Case[] = [
  ['nothing', {}, '', '0', '0'],
  ['an item of nothing', {}, '0', '2', '1'],
  ['some', {}, ITEMS, '18.4', '4'],
  ['a fixed part alone', { percent: exact('0') }, ITEMS, '8', '4'],
  ['a share alone', SHARE, ITEMS, '8', '4'],
  ['thirds of items', SHARE, '1/3 1/3', '1/150', '2'],
  ['thirds of per cent', { ...SHARE, percent: exact('1/3') }, '1', '1/300', '1'],
  ['very much', SHARE, huge(30), huge(28), '1'],
  ['very much and little', SHARE, `${huge(30)} 0.01`, `${huge(28)}.0001`, '2'],
  ['a correction', {}, '100 -40', '4.78', '2'],
  ['a correction before what it corrects', {}, '-40 100', '4.78', '2'],
  ['a correction alone', {}, '-50', '1.35', '1'],
  ['a correction of more than there was', SHARE, '100 -140', '-0.4', '2'],
  ['a correction of a share', SHARE, '100 -40', '0.6', '2'],
  ['all taken back', {}, '100 -100', '4', '2'],
]

const FREE_ITEMS: Case[] = [
  ['one', { freeItems: 1n }, ITEMS, '15.75', '3'],
  ['one, in another order', { freeItems: 1n }, '400 250 100 50', '11.2', '3'],
  ['three', { freeItems: 3n }, ITEMS, '7.2', '1'],
  ['all', { freeItems: 4n }, ITEMS, '0', '0'],
  ['more than there are', { freeItems: 5n }, ITEMS, '0', '0'],
  ['of none', { freeItems: 1n }, '', '0', '0'],
]

const FREE_AMOUNT: Case[] = [
  ['less than an item', { freeAmount: exact('49.99') }, '50', '2.00013', '1'],
  ['an item exactly', { freeAmount: exact('50') }, '50', '0', '0'],
  ['two items exactly', { freeAmount: exact('150') }, ITEMS, '12.45', '2'],
  ['an item partly', { freeAmount: exact('100') }, ITEMS, '15.1', '3'],
  ['almost two items', { freeAmount: exact('149.99') }, ITEMS, '14.45013', '3'],
  ['a little more than two', { freeAmount: exact('150.01') }, ITEMS, '12.44987', '2'],
  ['almost all', { freeAmount: exact('799.99') }, ITEMS, '2.00013', '1'],
  ['all', { freeAmount: exact('800') }, ITEMS, '0', '0'],
  ['more than all', { freeAmount: exact('800.01') }, ITEMS, '0', '0'],
  ['a third', { ...SHARE, freeAmount: exact('1/3') }, '1', '1/150', '1'],
  ['an item of nothing, then one within it', { freeAmount: exact('100') }, '0 10', '0', '0'],
  ['used up, then an item of nothing', { freeAmount: exact('50') }, '50 0', '2', '1'],
  ['a correction within it', { freeAmount: exact('100') }, '50 -20', '0', '0'],
  ['a correction after it', { ...SHARE, freeAmount: exact('100') }, '150 -30', '0.2', '2'],
  ['a correction back into it', { ...SHARE, freeAmount: exact('100') }, '150 -80', '0', '2'],
  ['a free item uses it', { freeItems: 1n, freeAmount: exact('100') }, ITEMS, '15.1', '3'],
  ['more items are free', { freeItems: 2n, freeAmount: exact('100') }, ITEMS, '12.45', '2'],
]

const BOUNDS: Case[] = [
  ['a minimum', { itemMinimum: exact('3') }, ITEMS, '18.75', '4'],
  ['a maximum', { itemMaximum: exact('6') }, ITEMS, '17.2', '4'],
  ['both', { itemMinimum: exact('3'), itemMaximum: exact('6') }, ITEMS, '17.55', '4'],
  ['both, met exactly', { itemMinimum: exact('2.65'), itemMaximum: exact('7.2') }, ITEMS, '18.4', '4'],
  ['both the same', { itemMinimum: exact('1/3'), itemMaximum: exact('1/3') }, ITEMS, '4/3', '4'],
  ['a maximum of nothing', { itemMaximum: exact('0') }, ITEMS, '0', '4'],
  ['a minimum of an item of nothing', { itemMinimum: exact('3') }, '0', '3', '1'],
  ['no minimum of what is free', { itemMinimum: exact('3'), freeItems: 4n }, ITEMS, '0', '0'],
  ['no minimum of a correction', { itemMinimum: exact('3') }, '100 -50', '4.65', '2'],
  ['a minimum of what is partly free', { itemMinimum: exact('3'), freeAmount: exact('49') }, '50', '3', '1'],
]

describe.each<[string, Case[]]>([
  ['shares', SHARES],
  ['free items', FREE_ITEMS],
  ['a free amount', FREE_AMOUNT],
  ['bounds of an item', BOUNDS],
])('%s', (_, cases) => {
  test.each(cases)('%s', (__, rule, items, amount, priced) => {
    const given = items === '' ? [] : items.split(' ').map(exact)
    const result = percentage({ ...PAID, ...rule }, given)
    expect(exactText(result.amount)).toBe(amount)
    expect(result.trace[0]?.output).toBe(`${priced} priced`)
  })
})

test('items and bounds are steps', () => {
  const rule = { ...PAID, itemMinimum: exact('3'), itemMaximum: exact('6'), freeItems: 1n }
  expect(percentage(rule, ITEMS.split(' ').map(exact)).trace).toEqual([
    { rule: 'items', input: '4, 800 in all', output: '3 priced' },
    { rule: '1.3 per cent + 2 an item', input: '1 items at a bound', output: '14.55' },
  ])
})
