import { add, rational } from '@vouch/proto/kernel/rational.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { exact } from '../testing/rules.ts'
import { amounts, ask, per, period, units, use } from '../testing/quotes.ts'

const LAST_TEN_DAYS = { effective: period('2026-03-22', '2026-04-01') }
const bound = (kind: string, of: string): object => ({
  kind,
  id: 'x',
  amount: '310',
  of: [of],
  ...LAST_TEN_DAYS,
})
const used = (from: string, to: string): object => units('100', { period: period(from, to) })

test.each([
  ['minimum', ['100.00', '100.00']],
  ['maximum', ['100.00']],
  ['commitment', ['100.00', '100.00']],
])('a %s in force after the usage counts none of it', (kind, expected) => {
  const rules = [use(per('1')), bound(kind, 'use')]
  expect(amounts({ rules, usage: [used('2026-03-01', '2026-03-10')] })).toEqual(expected)
  expect(amounts({ rules, usage: [used('2026-03-23', '2026-03-30')] })).toEqual(['100.00'])
})

const half = (id: string, from: string, to: string, more: object = {}): object => ({
  kind: 'commitment',
  id,
  amount: '310',
  of: ['use'],
  proration: 'day',
  effective: period(from, to),
  ...more,
})

test('two commitments, each for a part of the period, count usage that reaches over both once', () => {
  // 62 in 31 days: 32 of them in the first sixteen, 30 in the last fifteen, each beside a commitment of 10 a day.
  const rules = [
    use(per('1')),
    half('first', '2026-03-01', '2026-03-17'),
    half('second', '2026-03-17', '2026-04-01'),
  ]
  const answer = ask({ rules, usage: [units('62')] })
  expect(answer.lines.map((line) => line.exact)).toEqual(['62', '128', '120'])
  expect(answer.lines[1]!.trace).toContainEqual({
    rule: 'lines over an end count in part',
    input: '1 of 1 lines, 62 in all',
    output: '32',
  })
})

test('parts of a line that is in tiers, estimated, or a fee count by usage and by time', () => {
  const tiers = { model: 'graduated', tiers: [{ upTo: '10', unitPrice: '1' }, { unitPrice: '0.5' }] }
  const first = half('first', '2026-03-01', '2026-03-11', { of: ['use', 'fee'], proration: 'none' })
  const usage = [used('2026-03-01', '2026-03-11'), used('2026-03-11', '2026-03-31')]
  const fee = { kind: 'fee', id: 'fee', amount: '31' }
  // 200 at 105 in all, of which half is in the first ten days; ten days of the fee.
  expect(ask({ rules: [use(tiers), fee, first], usage }).lines[2]!.exact).toBe('247.5')
  const estimate = { estimate: { method: 'last-known' } }
  const gap = units('60', {
    period: { from: '2026-03-10T00:00:00Z', to: '2026-03-12T00:00:00Z' },
    estimated: 'last-known',
  })
  // 100 measured inside, and half of 60 estimated.
  const { lines } = ask({
    rules: [use(per('1'), estimate), half('first', '2026-03-01', '2026-03-11', { proration: 'none' })],
    usage: [usage[0]!, gap],
  })
  expect(lines.map((line) => line.exact)).toEqual(['100', '60', '180'])
})

test('what parts of a period count sums to the line, wherever they are cut', () => {
  const day = fc.integer({ min: 1, max: 31 })
  const entry = fc.record({
    from: day,
    days: fc.integer({ min: 1, max: 31 }),
    quantity: fc.integer({ min: 0, max: 999 }),
  })
  const date = (at: number): string => new Date(Date.UTC(2026, 2, at)).toISOString().slice(0, 10)
  fc.assert(
    fc.property(
      fc.array(entry, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 2, max: 31 }),
      (entries, cut) => {
        const usage = entries.map(({ from, days, quantity }) =>
          units(`${quantity}`, { period: period(date(from), date(Math.min(from + days, 32))) }),
        )
        const parts = [
          half('first', '2026-03-01', date(cut), { proration: 'none', amount: '10000' }),
          half('second', date(cut), '2026-04-01', { proration: 'none', amount: '10000' }),
        ]
        const exacts = ask({ rules: [use(per('1')), ...parts], usage }).lines.map((line) => exact(line.exact))
        // What is billed and what is missing of both is both commitments.
        expect(exacts.reduce(add)).toEqual(rational(20_000n))
      },
    ),
  )
})

test('one in force for a part counts a percentile, whatever usage stands beside it', () => {
  const ranked = {
    kind: 'percentile',
    id: 'burst',
    select: { meters: ['net'] },
    price: per('1'),
    directions: 'level',
  }
  const series = [{ meter: 'net', values: ['400'] }]
  const usage = [used('2026-03-01', '2026-03-10')]
  expect(ask({ rules: [ranked, bound('maximum', 'burst')], series, usage }).total).toBe('100.00')
})
