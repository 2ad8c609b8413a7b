import type { Period } from '@vouch/proto/kernel/period.ts'
import { describe, expect, test } from 'vitest'
import type { ProrationBasis } from '../tariff/proration.ts'
import { MARCH, between, exact, huge, linesIn, named, scopeOf } from '../testing/rules.ts'
import { type FeeRule, applyFee } from './fee.ts'

const RULE: FeeRule = {
  kind: 'fee',
  id: 'base',
  name: 'base',
  amount: exact('31'),
  quantity: exact('1'),
  period: MARCH,
  effective: undefined,
  proration: 'day',
  timing: 'arrears',
}
const fee = (rule: Partial<FeeRule>): string[] => linesIn(applyFee({ ...RULE, ...rule }, scopeOf([])))

test.each<[amount: string, quantity: string, due: string]>([
  ['0', '1', '0'],
  ['31', '0', '0'],
  ['31', '1', '31'],
  ['31', '3', '93'],
  ['31', '1/3', '31/3'],
  ['0.001', '0.1', '0.0001'],
  ['-31', '2', '-62'],
  [huge(30), '3', `3${'0'.repeat(30)}`],
  [huge(30, '1'), '1/3', `${huge(30, '1')}/3`],
])('%s for each of %s', (amount, quantity, due) => {
  expect(fee({ amount: exact(amount), quantity: exact(quantity) })).toEqual([`fee ${due}`])
})

describe('for a part of the time', () => {
  const early = between('2026-02-01', '2026-03-01')
  const late = between('2026-04-01', '2026-05-01')

  test.each<[string, Period, Partial<FeeRule>, string]>([
    ['the whole', MARCH, {}, '31'],
    ['more than the whole', between('2026-01-01', '2027-01-01'), {}, '31'],
    ['before it', early, {}, ''],
    ['after it', late, {}, ''],
    ['the first day', between('2026-02-01', '2026-03-02'), {}, '1'],
    ['the last day', between('2026-03-31', '2027-01-01'), {}, '1'],
    ['15 days', between('2026-03-01', '2026-03-16'), {}, '15'],
    ['15 days of nothing', between('2026-03-01', '2026-03-16'), { amount: exact('0') }, '0'],
    ['15 days given back', between('2026-03-01', '2026-03-16'), { amount: exact('-31') }, '-15'],
    ['15 days of two', between('2026-03-01', '2026-03-16'), { quantity: exact('2') }, '30'],
    ['7 days of 1', between('2026-03-01', '2026-03-08'), { amount: exact('1') }, '7/31'],
    [
      'half a month in advance',
      between('2026-04-16', '2027-01-01'),
      { period: late, amount: exact('30'), timing: 'advance' },
      '15',
    ],
    ['none of a month in advance', MARCH, { period: late, timing: 'advance' }, ''],
  ])('%s', (_, effective, rule, expected) => {
    expect(fee({ ...rule, effective })).toEqual(expected === '' ? [] : [`fee ${expected}`])
  })

  test.each<[ProrationBasis, string]>([
    ['second', '16.5'],
    ['day', '16'],
    ['day-inclusive', '17'],
    ['fixed-30', '15.5'],
    ['none', '31'],
  ])('from the noon of the 15th by %s', (proration, expected) => {
    const effective = between('2026-03-15T12:00:00', '2026-05-01')
    const { lines } = applyFee({ ...RULE, proration, effective }, scopeOf([]))
    expect(linesIn({ lines })).toEqual([`fee ${expected}`])
    expect(lines.map(({ period }) => period)).toEqual([{ from: effective.from, to: MARCH.to }])
  })
})

test('the fee, its share and its rounding are steps', () => {
  const [line] = applyFee(
    { ...RULE, quantity: exact('2'), effective: between('2026-03-01', '2026-03-16') },
    scopeOf([]),
  ).lines
  expect(named(line?.trace ?? [])).toEqual(['fee', 'proration day UTC', 'prorated', 'amount half-even EUR'])
  expect(line?.trace[0]).toEqual({ rule: 'fee', input: '2 × 31', output: '62' })
  expect(line?.trace[2]).toEqual({ rule: 'prorated', input: '62 × 15/31', output: '30' })
})
