import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { powerOfTen } from '@vouch/proto/kernel/decimal.ts'
import { REGISTER_MAX } from '../reading/register.ts'
import { WrittenNumber } from './exact-json.ts'
import type { ExactValue } from './exact-json.ts'

/** Digits after the point that an amount may have. */
export const AMOUNT_SCALE = 9

/** Amounts are counted in parts of a unit, so that fractions add up to whole units exactly. */
export const PARTS = powerOfTen(AMOUNT_SCALE)

/** The largest total, in parts: what a register can hold. */
export const TOTAL_MAX = REGISTER_MAX * PARTS

const FORM = /^(-?)(\d{1,60})(?:\.(\d{1,60}))?(?:[eE]([+-]?\d{1,3}))?$/

/**
 * An amount in parts of a unit, from a JSON number or a text with one, without passing through floating point.
 * Faults: DECIMAL_INVALID (not a number, or more digits than are kept), OUT_OF_RANGE (negative, or beyond a register).
 */
export function parseAmount(value: ExactValue, pointer: string): Result<bigint> {
  if (typeof value === 'number' && value >= 0) return ok(BigInt(value) * PARTS)
  const text = value instanceof WrittenNumber ? value.text : value
  const match = FORM.exec(typeof text === 'number' ? String(text) : typeof text === 'string' ? text : '')
  if (match === null)
    return fail('DECIMAL_INVALID', 'an amount is a whole or decimal number such as 12 or "0.25"', { pointer })
  const [, minus = '', whole = '', fraction = '', exponent = '0'] = match
  const digits = BigInt(whole + fraction)
  const shift = AMOUNT_SCALE - fraction.length + Number.parseInt(exponent, 10)
  if (digits === 0n) return ok(0n)
  if (minus !== '') return fail('OUT_OF_RANGE', 'an amount is never negative', { pointer })
  if (shift > 60) return fail('OUT_OF_RANGE', 'the amount is larger than a register', { pointer })
  if (shift < -200 || (shift < 0 && digits % powerOfTen(-shift) !== 0n))
    return fail('DECIMAL_INVALID', `an amount has at most ${AMOUNT_SCALE} digits after the point`, {
      pointer,
    })
  const parts = shift < 0 ? digits / powerOfTen(-shift) : digits * powerOfTen(shift)
  if (parts > TOTAL_MAX) return fail('OUT_OF_RANGE', 'the amount is larger than a register', { pointer })
  return ok(parts)
}
