import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { type Result, fail, ok } from '@vouch/proto/kernel/fault.ts'
import { ONE, type Rational, ZERO, compare } from '@vouch/proto/kernel/rational.ts'

/** A share of usage; empty = all of it. Faults: DECIMAL_INVALID, OUT_OF_RANGE. */
export function shareOf(text: string): Result<Rational> {
  if (text === '') return ok(ONE)
  const share = parseDecimal(text, { maxScale: 12 })
  if (!share.ok) return share
  if (compare(share.value, ZERO) <= 0 || compare(share.value, ONE) > 0)
    return fail('OUT_OF_RANGE', 'a share is above 0 and at most 1')
  return share
}
