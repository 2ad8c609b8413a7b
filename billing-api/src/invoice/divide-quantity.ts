import { allocate } from '@vouch/proto/kernel/allocation.ts'
import { parseDecimal, powerOfTen } from '@vouch/proto/kernel/decimal.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { multiply, rational } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { wholeWeights } from '../attribution/cost-centre.ts'
import { exactText } from './exact.ts'

/** Fewest decimals of a part: with six of a price, a product still has no more than the twelve that exports hold. */
const SCALE_MIN = 6

/**
 * A quantity, decimal text, in parts by weights; they sum to it. Odd units of the last decimal go by largest remainder. Throws where a
 * weight is below zero, or none is above.
 */
export function divideQuantity(quantity: string, weights: readonly Rational[]): string[] {
  const scale = Math.max(SCALE_MIN, (quantity.split('.')[1] ?? '').length)
  const units = multiply(unwrap(parseDecimal(quantity)), rational(powerOfTen(scale)))
  return allocate(units.n / units.d, wholeWeights(weights)).map((part) =>
    exactText(rational(part, powerOfTen(scale))),
  )
}
