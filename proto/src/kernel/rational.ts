import { fail, ok } from './fault.ts'
import type { Result } from './fault.ts'

/** An exact fraction in lowest terms; the sign is in `n`, and `d` is positive. */
export interface Rational {
  readonly n: bigint
  readonly d: bigint
}

/** The fraction n/d in lowest terms. Throws when d is zero. */
export function rational(n: bigint, d: bigint = 1n): Rational {
  if (d === 1n) return { n, d }
  if (d === 0n) throw new RangeError('a fraction cannot have the denominator 0')
  const divisor = d < 0n ? -gcd(n, -d) : gcd(n, d)
  return divisor === 1n ? { n, d } : { n: n / divisor, d: d / divisor }
}

/** 0/1 */
export const ZERO: Rational = rational(0n)

/** 1/1 */
export const ONE: Rational = rational(1n)

/** a + b */
export function add(a: Rational, b: Rational): Rational {
  if (a.n === 0n) return b
  if (b.n === 0n) return a
  return a.d === b.d ? rational(a.n + b.n, a.d) : rational(a.n * b.d + b.n * a.d, a.d * b.d)
}

/** a - b */
export function subtract(a: Rational, b: Rational): Rational {
  return add(a, negate(b))
}

/** a · b */
export function multiply(a: Rational, b: Rational): Rational {
  if (a.n === 0n || b.n === 0n) return ZERO
  return rational(a.n * b.n, a.d * b.d)
}

/** a/b. Throws when b is zero. */
export function divide(a: Rational, b: Rational): Rational {
  return rational(a.n * b.d, a.d * b.n)
}

/** -a */
export function negate(a: Rational): Rational {
  return { n: -a.n, d: a.d }
}

/** |a| */
export function absolute(a: Rational): Rational {
  return a.n < 0n ? negate(a) : a
}

/** -1, 0 or 1 as a is less than, equal to or greater than b. */
export function compare(a: Rational, b: Rational): -1 | 0 | 1 {
  return signOf(a.n * b.d - b.n * a.d)
}

/** Whether a and b are the same number. */
export function equals(a: Rational, b: Rational): boolean {
  return a.n === b.n && a.d === b.d
}

/** Whether a is 0. */
export function isZero(a: Rational): boolean {
  return a.n === 0n
}

/** -1, 0 or 1. */
export function sign(a: Rational): -1 | 0 | 1 {
  return signOf(a.n)
}

function signOf(n: bigint): -1 | 0 | 1 {
  if (n === 0n) return 0
  return n < 0n ? -1 : 1
}

/** Greatest common divisor of |a| and b > 0; never 0. */
function gcd(a: bigint, b: bigint): bigint {
  let [larger, smaller] = [b, a < 0n ? -a : a]
  while (smaller > 1n) [larger, smaller] = [smaller, larger % smaller]
  return smaller === 1n ? 1n : larger
}

/** The text of a fraction: "3/4", "-1/3", and "5" for a whole number. */
export function formatFraction(value: Rational): string {
  return value.d === 1n ? `${value.n}` : `${value.n}/${value.d}`
}

const FRACTION = /^(0|-?[1-9][0-9]*)(?:\/([1-9][0-9]*))?$/
const FRACTION_CHARACTERS = 400

/**
 * Reads what `formatFraction` writes and nothing else: lowest terms, no denominator 1.
 * Faults: DECIMAL_INVALID.
 */
export function parseFraction(text: string): Result<Rational> {
  const match = text.length <= FRACTION_CHARACTERS ? FRACTION.exec(text) : null
  if (match === null) return fail('DECIMAL_INVALID', 'write a fraction as in "3/4" or a whole number')
  const value = rational(BigInt(match[1] ?? ''), BigInt(match[2] ?? '1'))
  if (formatFraction(value) !== text) {
    return fail('DECIMAL_INVALID', `write the fraction in lowest terms: "${formatFraction(value)}"`)
  }
  return ok(value)
}
