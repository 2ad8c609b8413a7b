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

test.each<[string, object[], object[], string[]]>([
  [
    'what is due where nothing was used, by time',
    [use({ model: 'graduated', tiers: [{ unitPrice: '1', flat: '31' }] })],
    [],
    ['31', '294', '285'],
  ],
  [
    'a fee of another month, evenly over this one',
    [{ kind: 'fee', id: 'use', amount: '31', period: period('2026-04-01', '2026-05-01') }],
    [],
    ['31', '294', '285'],
  ],
  [
    'entries below zero where they lie',
    [use(per('1'))],
    [
      units('101', { period: period('2026-03-01', '2026-03-02') }),
      units('-1', { period: period('2026-03-20', '2026-03-21') }),
    ],
    ['100', '209', '301'],
  ],
])('%s', (_, rules, usage, exacts) => {
  const more = { proration: 'none' }
  const bounds = [
    half('first', '2026-03-01', '2026-03-17', more),
    half('second', '2026-03-17', '2026-04-01', { ...more, amount: '300' }),
  ]
  expect(ask({ rules: [...rules, ...bounds], usage }).lines.map((line) => line.exact)).toEqual(exacts)
})

test('over a window, documents count whole, so that they sum to one over the whole of it', () => {
  const rules = [
    use(per('1')),
    half('c', '2026-01-16', '2026-04-01', {
      amount: '100',
      overageFactor: '2',
      window: 'quarter',
      proration: 'none',
    }),
  ]
  const months = [
    period('2026-01-01', '2026-02-01'),
    period('2026-02-01', '2026-03-01'),
    period('2026-03-01', '2026-04-01'),
  ]
  const billed: object[] = []
  let total = 0n
  for (const [index, quantity] of ['310', '10', '10'].entries()) {
    const document = { rules, period: months[index], usage: [units(quantity)] }
    const answer = ask({ ...document, billed: [...billed] })
    total += BigInt(answer.total.replace('.', ''))
    for (const line of answer.lines) {
      const due =
        line.rule === 'use' ? { quantity: line.quantity, amount: line.amount } : { amount: line.amount }
      billed.push({ rule: line.rule, period: months[index], ...due })
    }
  }
  // 330 used, and as much again beyond the 100 that are committed.
  expect(total).toBe(56_000n)
  const quarter = { period: period('2026-01-01', '2026-04-01'), usage: [units('330')] }
  expect(ask({ rules, ...quarter }).total).toBe('560.00')
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
