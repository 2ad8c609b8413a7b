import { type Rational, add, rational } from '@vouch/proto/kernel/rational.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { inSteps, sumSlots } from './slot-values.ts'

const SAFE = BigInt(Number.MAX_SAFE_INTEGER)

/** Each slot by itself, one addition after another. */
function slowly(series: readonly (readonly (Rational | undefined)[])[]): (Rational | undefined)[] {
  return Array.from({ length: Math.max(0, ...series.map((values) => values.length)) }, (_, slot) =>
    series.reduce<Rational | undefined>((sum, values) => {
      const value = values[slot]
      return sum === undefined || value === undefined ? undefined : add(sum, value)
    }, rational(0n)),
  )
}

test.each([
  ['of small numbers', 1000n, 75n],
  ['whose sums are no safe integers', SAFE, 3n],
  ['whose numerators are no safe integers', SAFE * SAFE, 4n],
  ['whose denominators have nothing in common', 1000n, SAFE * SAFE],
])('sums %s are exact, and undefined where one is missing', (_, greatest, denominator) => {
  const value = fc
    .tuple(fc.bigInt({ min: -greatest, max: greatest }), fc.bigInt({ min: 1n, max: denominator }))
    .map(([n, d]) => rational(n, d))
  const values = fc.array(fc.option(value, { nil: undefined, freq: 20 }), { maxLength: 6 })
  fc.assert(
    fc.property(fc.array(values, { maxLength: 8 }), (series) => {
      expect(sumSlots(series.map((each) => inSteps(each)))).toEqual(slowly(series))
    }),
    { numRuns: 300 },
  )
})
