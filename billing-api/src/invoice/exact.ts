import { formatExact, parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatFraction, rational } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'

/** An exact number from its text, as rating and the store write it: a decimal, or a fraction such as `1/3`. Throws where it is none. */
export function exactOf(text: string): Rational {
  const [n = '0', d] = text.split('/')
  return d === undefined ? unwrap(parseDecimal(n)) : rational(BigInt(n), BigInt(d))
}

/** The text of an exact number: a decimal where it ends, else a fraction. */
export function exactText(value: Rational): string {
  return formatExact(value) ?? formatFraction(value)
}
