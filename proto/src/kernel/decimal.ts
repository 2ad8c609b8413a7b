import { fail, ok } from './fault.ts'
import type { Result } from './fault.ts'
import { rational } from './rational.ts'
import type { Rational } from './rational.ts'
import type { Rounding } from './rounding.ts'

/** Bounds of a decimal text. */
export interface DecimalBounds {
  /** Most digits after the point; 30 by default. */
  readonly maxScale?: number
  /** Most digits in all; 60 by default. */
  readonly maxDigits?: number
}

const DECIMAL = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?$/

/**
 * Reads a plain decimal: optional minus, digits, optional point and digits. No exponent, plus sign,
 * leading zeros or negative zero, so that a value of one scale has one text. Faults: DECIMAL_INVALID.
 */
export function parseDecimal(text: string, bounds: DecimalBounds = {}): Result<Rational> {
  const { maxScale = 30, maxDigits = 60 } = bounds
  // Sign and point come on top; the length is bounded before the text is looked at.
  const match = text.length <= maxDigits + 2 ? DECIMAL.exec(text) : null
  if (match === null) {
    return fail('DECIMAL_INVALID', `write a plain decimal such as "12.30", at most ${maxDigits} digits`)
  }
  const [, minus = '', whole = '', fraction = ''] = match
  if (whole.length + fraction.length > maxDigits) {
    return fail('DECIMAL_INVALID', `write at most ${maxDigits} digits`)
  }
  if (fraction.length > maxScale) {
    return fail('DECIMAL_INVALID', `write at most ${maxScale} digits after the point`)
  }
  const digits = BigInt(whole + fraction)
  if (digits === 0n && minus !== '') return fail('DECIMAL_INVALID', 'write zero without a minus')
  return ok(rational(minus === '' ? digits : -digits, powerOfTen(fraction.length)))
}

/** The decimal of exactly `scale` digits after the point, rounded as told; never "-0". */
export function formatDecimal(value: Rational, scale: number, rounding: Rounding): string {
  return formatScaled(rounding(value.n * powerOfTen(scale), value.d), scale)
}

/** The shortest decimal that is exactly the value, or undefined when none terminates. */
export function formatExact(value: Rational): string | undefined {
  if (value.d === 1n) return `${value.n}`
  const scale = exactScale(value.d)
  return scale === undefined ? undefined : formatScaled(value.n * (powerOfTen(scale) / value.d), scale)
}

/** Whether some decimal is exactly the value. */
export function isTerminating(value: Rational): boolean {
  return exactScale(value.d) !== undefined
}

/** The powers that every amount and quantity needs. */
const POWERS = Array.from({ length: 32 }, (_, exponent) => 10n ** BigInt(exponent))

/** 10 to the power of `exponent`, a whole number not below 0. */
export function powerOfTen(exponent: number): bigint {
  return POWERS[exponent] ?? 10n ** BigInt(exponent)
}

/** The text of units / 10^scale. */
export function formatScaled(units: bigint, scale: number): string {
  const digits = `${units < 0n ? -units : units}`.padStart(scale + 1, '0')
  const point = digits.length - scale
  const text = scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`
  return units < 0n ? `-${text}` : text
}

/** What {@link exactScale} is of denominators that are common: products of the first powers of 2 and 5. */
const SCALES = new Map(
  Array.from({ length: 23 }, (_, fives) =>
    Array.from({ length: 23 }, (__, twos): [bigint, number] => [
      5n ** BigInt(fives) * 2n ** BigInt(twos),
      Math.max(twos, fives),
    ]),
  ).flat(),
)

/** Digits after the point that a denominator needs, or undefined when it has a prime besides 2 and 5. */
function exactScale(denominator: bigint): number | undefined {
  const known = SCALES.get(denominator)
  if (known !== undefined) return known
  let [twos, fives, rest] = [0, 0, denominator]
  for (; rest % 2n === 0n; rest /= 2n) twos += 1
  for (; rest % 5n === 0n; rest /= 5n) fives += 1
  return rest === 1n ? Math.max(twos, fives) : undefined
}
