import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { type Period, monthOf } from '@vouch/proto/kernel/period.ts'
import { ONE, ZERO, add, compare, multiply, rational } from '@vouch/proto/kernel/rational.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PRORATION_BASES, type ProrationBasis, prorate } from './proration.ts'

const DAY_MS = 86_400_000
/** Among them: midnights that are skipped or repeated, clocks that go back over midnight, a skipped date. */
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/Sao_Paulo',
  'America/Havana',
  'America/St_Johns',
  'Pacific/Apia',
]
const BASES = Object.keys(PRORATION_BASES) as ProrationBasis[]

function share(part: Period, whole: Period, basis: ProrationBasis, zone: string): string {
  const { numerator, denominator } = prorate(part, whole, basis, { zone })
  return `${numerator}/${denominator}`
}

const zones = fc.constantFrom(...ZONES)
const bases = fc.constantFrom(...BASES)
/** Without proration each part costs the whole. */
const measuring = fc.constantFrom(...BASES.filter((basis) => basis !== 'none'))
// From 2005, when clocks of St John's still changed a minute past midnight, and over Samoa's skipped date.
const starts = fc.integer({ min: Date.UTC(2005, 0, 1), max: Date.UTC(2028, 0, 1) })
const lengths = fc.oneof(
  fc.integer({ min: 8, max: 2 * DAY_MS }),
  fc.integer({ min: DAY_MS, max: 800 * DAY_MS }),
)
const wholes = fc.tuple(starts, lengths).map(([from, length]) => ({ from, to: from + length }))
const positions = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 })

/** Consecutive parts of the whole, cut at fractions of it. */
function cut(whole: Period, at: readonly number[]): Period[] {
  const length = whole.to - whole.from
  const inner = at.map((position) => whole.from + Math.floor(position * length))
  const ends = [...new Set([whole.from, ...inner, whole.to])].toSorted((a, b) => a - b)
  return ends.slice(1).map((to, index) => ({ from: ends[index] ?? whole.from, to }))
}

test('parts sum to exactly 1, so equal prices before and after a change are one price', () => {
  fc.assert(
    fc.property(
      wholes,
      positions,
      measuring,
      zones,
      fc.bigInt(0n, 10n ** 9n),
      (whole, at, basis, zone, price) => {
        const shares = cut(whole, at).map((part) => prorate(part, whole, basis, { zone }))
        expect(shares.reduce((sum, { fraction }) => add(sum, fraction), ZERO)).toEqual(ONE)
        const charges = shares.map(({ fraction }) => multiply(fraction, rational(price)))
        expect(charges.reduce(add, ZERO)).toEqual(rational(price))
      },
    ),
    { numRuns: 300 },
  )
})

test('a share lies between 0 and 1 and does not fall as the part grows', () => {
  const parts = fc.tuple(fc.integer({ min: -20 * DAY_MS, max: 900 * DAY_MS }), lengths)
  const grown = fc.tuple(lengths, lengths)
  fc.assert(
    fc.property(
      wholes,
      parts,
      grown,
      bases,
      zones,
      (whole, [after, length], [earlier, later], basis, zone) => {
        const part = { from: whole.from + after, to: whole.from + after + length }
        const small = prorate(part, whole, basis, { zone }).fraction
        const large = prorate({ from: part.from - earlier, to: part.to + later }, whole, basis, {
          zone,
        }).fraction
        expect(compare(ZERO, small)).toBeLessThanOrEqual(0)
        expect(compare(small, large)).toBeLessThanOrEqual(0)
        expect(compare(large, ONE)).toBeLessThanOrEqual(0)
        expect(prorate(whole, whole, basis, { zone }).fraction).toEqual(ONE)
      },
    ),
    { numRuns: 300 },
  )
})

test('both counts by days agree where all ends are starts of days', () => {
  const months = fc.tuple(fc.integer({ min: 2005, max: 2028 }), fc.integer({ min: 1, max: 12 }))
  const days = fc.tuple(fc.integer({ min: 0, max: 32 }), fc.integer({ min: 1, max: 32 }))
  fc.assert(
    fc.property(months, days, zones, ([year, month], [skipped, length], zone) => {
      const whole = unwrap(monthOf(zone, year, month))
      const first = new Temporal.PlainDate(year, month, 1).add({ days: skipped })
      const [from = 0, to = 0] = [first, first.add({ days: length })].map(
        (date) => date.toZonedDateTime(zone).epochMilliseconds,
      )
      fc.pre(from < to)
      expect(share({ from, to }, whole, 'day', zone)).toBe(share({ from, to }, whole, 'day-inclusive', zone))
    }),
  )
})

test('months of 30 days make every month the same', () => {
  const months = fc.tuple(fc.integer({ min: 1971, max: 2100 }), fc.integer({ min: 1, max: 12 }))
  fc.assert(
    fc.property(months, fc.integer({ min: 1, max: 36 }), zones, ([year, month], count, zone) => {
      const part = unwrap(monthOf(zone, year, month))
      const end = new Temporal.PlainDate(year, month, 1).add({ months: count }).toZonedDateTime(zone)
      const whole = { from: part.from, to: end.epochMilliseconds }
      expect(share(part, whole, 'fixed-30', zone)).toBe(`30/${30 * count}`)
    }),
  )
})
