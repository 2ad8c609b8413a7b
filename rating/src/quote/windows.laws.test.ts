import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { add, equals, parseFraction, rational } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ask, period, tiers, units, use } from '../testing/quotes.ts'
import type { Answer } from '../testing/quotes.ts'

const YEAR_FROM = '2026-01-01T00:00:00Z'

describe('twelve months are the year', () => {
  const months = Array.from({ length: 12 }, (_, index) =>
    ['from', 'to'].map((_end, later) => new Date(Date.UTC(2026, index + later, 1)).toISOString()),
  ).map(([from, to]) => ({ from, to }))
  const YEAR = period('2026-01-01', '2027-01-01')
  const pools = ['vm:a', 'vm:b']
  const quantities = fc.array(fc.tuple(fc.nat(2000), fc.nat(2000)), { minLength: 12, maxLength: 12 })
  const bounds = fc.record({
    commitment: fc.nat(40_000),
    factor: fc.constantFrom('0.5', '1', '1.5'),
    trueUp: fc.boolean(),
    minimum: fc.nat(40_000),
    maximum: fc.nat(40_000),
    model: fc.constantFrom('graduated', 'volume'),
    per: fc.constantFrom('contract', 'resource'),
    window: fc.constantFrom('year', 'contract-year'),
  })
  type Bounds = typeof bounds extends fc.Arbitrary<infer T> ? T : never
  const rulesOf = (given: Bounds, window: object): object[] => [
    // Units are whole, so every amount is one of whole cents.
    use(
      tiers(given.model, [
        ['3000', '1'],
        ['9000', '0.5'],
        ['', '0.25'],
      ]),
      { per: given.per, ...window },
    ),
    {
      kind: 'commitment',
      id: 'commit',
      amount: `${given.commitment}`,
      overageFactor: given.factor,
      trueUp: given.trueUp,
      ...window,
    },
    { kind: 'minimum', id: 'least', amount: `${given.minimum}`, of: ['use'], ...window },
    { kind: 'maximum', id: 'most', amount: `${given.maximum}`, ...window },
  ]
  const usageOf = (month: object, used: readonly number[]): object[] =>
    used.map((quantity, index) => units(`${4 * quantity}`, { period: month, resource: pools[index]! }))

  test('whatever is used in them, whatever the bounds', () => {
    fc.assert(
      fc.property(quantities, bounds, (used, given) => {
        const { window } = given
        const contract = { from: YEAR_FROM }
        const billed: object[] = []
        let sum = rational(0n)
        for (const [index, month] of months.entries()) {
          const usage = usageOf(month, used[index]!)
          const answer = ask({ period: month, contract, rules: rulesOf(given, { window }), usage, billed })
          sum = add(sum, totalOf(answer))
          billed.push(...linesAsBilled(answer, month))
        }
        const usage = months.flatMap((month, index) => usageOf(month, used[index]!))
        const whole = ask({ period: YEAR, rules: rulesOf(given, {}), usage })
        expect(equals(sum, totalOf(whole))).toBe(true)
        const alike = ask({ period: YEAR, contract, rules: rulesOf(given, { window }), usage })
        expect(alike.total).toBe(whole.total)
      }),
      { numRuns: 25 },
    )
  })
})

function totalOf({ lines }: Answer): Rational {
  return lines.reduce((sum, { exact }) => {
    const parsed = parseDecimal(exact)
    return add(sum, parsed.ok ? parsed.value : unwrap(parseFraction(exact)))
  }, rational(0n))
}

function linesAsBilled({ lines }: Answer, month: object): object[] {
  return lines.map(({ rule, pool, amount, quantity }) => ({
    rule,
    amount,
    period: month,
    ...(pool === undefined ? {} : { pool }),
    ...(quantity === undefined ? {} : { quantity }),
  }))
}
