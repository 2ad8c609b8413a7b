import { expect, test } from 'vitest'
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
