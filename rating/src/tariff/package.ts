import { divide, multiply, rational } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { ROUNDINGS } from '@vouch/proto/kernel/rounding.ts'
import type { RoundingName } from '@vouch/proto/kernel/rounding.ts'
import type { ModelAmount } from './per-unit.ts'
import { exactText } from './trace.ts'

/** A price for packages of a size. */
export interface Package {
  /** Units in one, above zero. */
  readonly size: Rational
  readonly price: Rational
  /** How packages begun are counted; `ceiling` bills them. */
  readonly rounding: RoundingName
}

/** The package model: whole packages of what is used, at a price each. */
export function packages({ size, price, rounding }: Package, quantity: Rational): ModelAmount {
  const exact = divide(quantity, size)
  const count = rational(ROUNDINGS[rounding](exact.n, exact.d))
  const amount = multiply(count, price)
  return {
    amount,
    trace: [
      {
        rule: `packages of ${exactText(size)} ${rounding}`,
        input: exactText(exact),
        output: exactText(count),
      },
      {
        rule: 'package price',
        input: `${exactText(count)} × ${exactText(price)}`,
        output: exactText(amount),
      },
    ],
  }
}
