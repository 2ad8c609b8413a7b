import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  ONE,
  ZERO,
  absolute,
  add,
  compare,
  divide,
  equals,
  formatFraction,
  isZero,
  multiply,
  negate,
  parseFraction,
  rational,
  sign,
  subtract,
} from './rational.ts'
import type { Rational } from './rational.ts'

const bigints = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n })
const fractions = fc
  .tuple(
    bigints,
    fc.oneof(
      fc.bigInt({ min: 1n, max: 20n }),
      bigints.filter((d) => d !== 0n),
    ),
  )
  .map(([n, d]) => rational(n, d))

function gcd(a: bigint, b: bigint): bigint {
  return b === 0n ? a : gcd(b, a % b)
}

describe('laws of a field', () => {
  it('every result is in lowest terms with a positive denominator', () => {
    fc.assert(
      fc.property(fractions, fractions, (a, b) => {
        for (const { n, d } of [add(a, b), subtract(a, b), multiply(a, b), negate(a), absolute(a)]) {
          expect(d > 0n).toBe(true)
          expect(gcd(n < 0n ? -n : n, d)).toBe(1n)
        }
      }),
    )
  })

  it('sums and products commute, associate and distribute', () => {
    fc.assert(
      fc.property(fractions, fractions, fractions, (a, b, c) => {
        expect(add(a, b)).toEqual(add(b, a))
        expect(multiply(a, b)).toEqual(multiply(b, a))
        expect(add(add(a, b), c)).toEqual(add(a, add(b, c)))
        expect(multiply(multiply(a, b), c)).toEqual(multiply(a, multiply(b, c)))
        expect(multiply(a, add(b, c))).toEqual(add(multiply(a, b), multiply(a, c)))
      }),
    )
  })

  it('zero and one are neutral, and every value has its inverses', () => {
    fc.assert(
      fc.property(fractions, fractions, (a, b) => {
        expect(add(a, ZERO)).toEqual(a)
        expect(multiply(a, ONE)).toEqual(a)
        expect(add(a, negate(a))).toEqual(ZERO)
        expect(subtract(add(a, b), b)).toEqual(a)
        if (!isZero(b)) expect(divide(multiply(a, b), b)).toEqual(a)
      }),
    )
  })

  it('the order is total and agrees with the sign of the difference', () => {
    fc.assert(
      fc.property(fractions, fractions, (a, b) => {
        expect(compare(a, b)).toBe(sign(subtract(a, b)))
        expect(compare(a, b) + compare(b, a)).toBe(0)
        expect(equals(a, b)).toBe(compare(a, b) === 0)
        expect(sign(absolute(a))).toBe(isZero(a) ? 0 : 1)
      }),
    )
  })

  it('text and value stand for each other', () => {
    fc.assert(
      fc.property(fractions, (a) => {
        expect(parseFraction(formatFraction(a))).toEqual({ ok: true, value: a })
      }),
    )
  })
})

describe('faults', () => {
  it.each([
    '',
    '1/0',
    '2/4',
    '3/1',
    '0/5',
    '-0',
    '+1',
    '01',
    '1/-2',
    '1/02',
    ' 1',
    '1/2 ',
    '1.5',
    '1e3',
    '9'.repeat(500),
  ])('refuses the fraction "%s"', (text) =>
    expect(parseFraction(text)).toMatchObject({ ok: false, fault: { code: 'DECIMAL_INVALID' } }),
  )

  it('throws on a denominator of zero', () => {
    expect(() => rational(1n, 0n)).toThrow(RangeError)
    expect(() => divide(ONE, ZERO)).toThrow(RangeError)
  })
})

it.each<[string, Rational]>([
  ['3/4', { n: 3n, d: 4n }],
  ['-1/3', { n: -1n, d: 3n }],
  ['5', { n: 5n, d: 1n }],
  ['0', { n: 0n, d: 1n }],
])('writes %s', (text, value) => {
  expect(formatFraction(value)).toBe(text)
})

it('puts the sign in the numerator', () => {
  expect(rational(6n, -8n)).toEqual({ n: -3n, d: 4n })
})
