import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatExact } from '@vouch/proto/kernel/decimal.ts'
import { startsOf } from '@vouch/proto/kernel/next-period.ts'
import { intersect } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { add, equals, multiply, rational } from '@vouch/proto/kernel/rational.ts'
import { prorate } from '../tariff/proration.ts'
import { MARCH, TERMS, at, between, exact, linesIn, named, scopeOf } from '../testing/rules.ts'
import type { FeeRule } from './fee.ts'
import { type TerminationDue, applyTermination } from './termination.ts'

const FEE: FeeRule = {
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
const YEAR = between('2026-01-01', '2027-01-01')
const fixed: TerminationDue = { basis: 'fixed', amount: exact('250') }
const steps: TerminationDue = {
  basis: 'steps',
  steps: [
    { months: 0, amount: exact('300') },
    { months: 2, amount: exact('200.5') },
    { months: 12, amount: exact('0') },
  ],
}
const remaining = (percent: string, ...fees: Partial<FeeRule>[]): TerminationDue => ({
  basis: 'remaining',
  percent: exact(percent),
  fees: fees.map((fee) => ({ ...FEE, ...fee })),
})
const endsAt = (to: string, term: Period | undefined, zone = 'UTC') =>
  scopeOf([], { terms: { ...TERMS, zone, term, inForce: { from: MARCH.from, to: at(to) } } })
const ended = (due: TerminationDue, to: string, term: Period | undefined) =>
  applyTermination({ kind: 'termination', id: 'early', name: 'early', due }, endsAt(to, term))

test.each<[string, TerminationDue, string, Period | undefined, string]>([
  ['no term that is cut short', fixed, '2026-04-01', undefined, ''],
  ['fixed', fixed, '2026-04-01', YEAR, '250'],
  ['of nothing', { basis: 'fixed', amount: exact('0') }, '2026-04-01', YEAR, '0'],
  ['a step from its month on', steps, '2026-03-10', between('2026-01-10', '2027-01-10'), '200.5'],
  ['a step a day before its month', steps, '2026-03-09', between('2026-01-10', '2027-01-10'), '300'],
  [
    'a step from the last of a short month',
    steps,
    '2026-03-31',
    between('2026-01-31', '2027-01-31'),
    '200.5',
  ],
  ['the last step', steps, '2026-03-01', between('2025-03-01', '2027-01-01'), '0'],
  ['all of nine months', remaining('100', {}), '2026-04-01', YEAR, '279'],
  ['half of nine months', remaining('50', {}), '2026-04-01', YEAR, '139.5'],
  ['none of nine months', remaining('0', {}), '2026-04-01', YEAR, '0'],
  ['the rest of the month and nine', remaining('100', {}), '2026-03-11', YEAR, '300'],
  [
    'the rest of the month alone',
    remaining('100', {}),
    '2026-03-11',
    between('2026-01-01', '2026-04-01'),
    '21',
  ],
  [
    'a part of the last month',
    remaining('100', {}),
    '2026-04-01',
    between('2026-01-01', '2026-04-16'),
    '15.5',
  ],
  [
    'fees of several, in advance too',
    remaining(
      '100',
      { quantity: exact('2') },
      { timing: 'advance', period: between('2026-04-01', '2026-05-01') },
    ),
    '2026-03-31',
    YEAR,
    '840',
  ],
  [
    'a fee that ends before the term',
    remaining('100', { effective: between('2026-01-01', '2026-05-01') }),
    '2026-04-01',
    YEAR,
    '31',
  ],
  [
    'a fee that is over',
    remaining('100', { effective: between('2026-01-01', '2026-03-05') }),
    '2026-04-01',
    YEAR,
    '0',
  ],
  [
    'a fee that begins later',
    remaining('100', { effective: between('2026-12-01', '2027-12-01') }),
    '2026-04-01',
    YEAR,
    '31',
  ],
  ['what is due whole for any part', remaining('100', { proration: 'none' }), '2026-03-11', YEAR, '279'],
  ['a rebate', remaining('100', { amount: exact('-31') }), '2026-04-01', YEAR, '-279'],
])('%s', (_, due, to, term, expected) => {
  expect(linesIn(ended(due, to, term))).toEqual(expected === '' ? [] : [`termination ${expected}`])
})

test('months of the term are those of the zone', () => {
  const term = { from: at('2026-01-09T23:00:00'), to: at('2027-01-09T23:00:00') }
  const rule = { kind: 'termination', id: 'early', name: 'early', due: steps } as const
  const due = (zone: string) => linesIn(applyTermination(rule, endsAt('2026-03-09T22:59:59', term, zone)))
  expect([due('Europe/Berlin'), due('America/New_York')]).toEqual([
    ['termination 300'],
    ['termination 200.5'],
  ])
  expect(linesIn(applyTermination(rule, endsAt('2026-03-09T23:00:00', term, 'Europe/Berlin')))).toEqual([
    'termination 200.5',
  ])
})

test.each<[string, string, Period, Period, Period, string]>([
  // Fourteen weeks, over the change of clocks.
  [
    'weeks of the zone',
    'Europe/Berlin',
    { from: at('2026-03-15T23:00:00'), to: at('2026-03-22T23:00:00') },
    { from: at('2026-03-15T23:00:00'), to: at('2026-06-28T22:00:00') },
    { from: at('2026-03-15T23:00:00'), to: at('2026-03-22T23:00:00') },
    '434',
  ],
  [
    'months from the last day on',
    'UTC',
    between('2026-03-31', '2026-04-30'),
    between('2026-03-31', '2027-01-31'),
    between('2026-03-31', '2026-04-30'),
    '279',
  ],
  [
    'as many years as there are',
    'UTC',
    between('2026-01-01', '2027-01-01'),
    between('2026-01-01', '9999-01-01'),
    between('2026-01-01', '2027-01-01'),
    '247132',
  ],
])('what remains is counted in %s', (_, zone, period, term, inForce, expected) => {
  const rule = { kind: 'termination', id: 'early', name: 'early', due: remaining('100', { period }) } as const
  const scope = scopeOf([], { terms: { ...TERMS, zone, period, term, inForce } })
  expect(linesIn(applyTermination(rule, scope))).toEqual([`termination ${expected}`])
})

test('the term, each fee and the share are steps', () => {
  const [line] = ended(remaining('50', {}), '2026-03-11', YEAR).lines
  expect(line?.period).toEqual(between('2026-03-01', '2026-03-11'))
  expect(named(line?.trace ?? [])).toEqual([
    'term',
    'remaining base',
    'termination remaining',
    'amount half-even EUR',
  ])
  expect(line?.trace.slice(0, 3)).toEqual([
    {
      rule: 'term',
      input: '2026-01-01T00:00:00Z/2027-01-01T00:00:00Z',
      output: 'ends early at 2026-03-11T00:00:00Z',
    },
    { rule: 'remaining base', input: '31 × 300/31 periods to 2027-01-01T00:00:00Z', output: '300' },
    { rule: 'termination remaining', input: '50 % of 300', output: '150' },
  ])
})

test('all periods gone through one after the other come to the same', () => {
  const day = fc.integer({ min: Date.UTC(2026, 0) / 86_400_000, max: Date.UTC(2031, 0) / 86_400_000 })
  const instant = fc
    .tuple(day, fc.constantFrom(0, 3_600_000, 41_234_567))
    .map(([d, ms]) => d * 86_400_000 + ms)
  const effective = fc.option(fc.tuple(instant, instant), { nil: undefined })
  fc.assert(
    fc.property(
      fc.constantFrom(MARCH, between('2026-03-31', '2026-04-30'), between('2026-03-02', '2026-03-09')),
      fc.double({ min: 0, max: 1, noNaN: true }),
      instant,
      effective,
      fc.constantFrom('second', 'day', 'day-inclusive', 'fixed-30', 'none'),
      fc.constantFrom('UTC', 'Europe/Berlin'),
      (period, share, until, own, proration, zone) => {
        const to = period.from + 1 + Math.floor(share * (period.to - period.from - 1))
        const term = { from: period.from, to: Math.max(until, to + 1) }
        const within = own && { from: Math.min(...own), to: Math.max(...own) + 1 }
        const fee: FeeRule = { ...FEE, period, proration, effective: within }
        const rule = { kind: 'termination', id: 'early', name: 'early', due: remaining('100', fee) } as const
        const terms = { ...TERMS, zone, period, term, inForce: { from: period.from, to } }
        let expected = rational(0n)
        for (
          let each = period;
          each.from < term.to;
          each = { from: each.to, to: nextEnd(period, each.to, zone) }
        ) {
          const whole = within === undefined ? each : intersect(within, each)
          for (const [end, sign] of [
            [term.to, 1n],
            [to, -1n],
          ] as const) {
            const part = whole && whole.from < end ? intersect(whole, { from: 0, to: end }) : undefined
            const fraction = part && prorate(part, each, proration, { zone }).fraction
            expected = add(expected, multiply(fraction ?? rational(0n), rational(31n * sign)))
          }
        }
        const { exact: due } = applyTermination(rule, scopeOf([], { terms })).lines[0]!
        expect(formatExact(due)).toBe(formatExact(expected))
      },
    ),
  )
})

/** Where the period that begins at an instant ends, looked for day by day. */
function nextEnd(first: Period, from: number, zone: string): number {
  const start = startsOf(first, zone)
  let count = 1
  while (start(count) <= from) count += 1
  return start(count)
}

test('what was billed up to the end and all of what remains are the fees of the whole term', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: MARCH.from + 1, max: MARCH.to }),
      fc.integer({ min: 1, max: 1000 }),
      fc.constantFrom('second', 'day', 'day-inclusive', 'fixed-30', 'none'),
      (end, days, proration) => {
        const term = { from: MARCH.from, to: MARCH.to + days * 86_400_000 }
        const due = (to: number) =>
          applyTermination(
            { kind: 'termination', id: 'early', name: 'early', due: remaining('100', { proration }) },
            scopeOf([], { terms: { ...TERMS, term, inForce: { from: MARCH.from, to } } }),
          ).lines[0]!.exact
        const billed = (to: number) =>
          multiply(FEE.amount, prorate({ from: MARCH.from, to }, MARCH, proration, { zone: 'UTC' }).fraction)
        // Whenever it ends in the month, the customer pays the same in all.
        expect(equals(add(billed(end), due(end)), add(billed(MARCH.to), due(MARCH.to)))).toBe(true)
        expect(equals(billed(MARCH.to), multiply(FEE.amount, rational(1n)))).toBe(true)
      },
    ),
  )
})
