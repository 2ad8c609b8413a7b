import { create } from '@bufbuild/protobuf'
import { ItemSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Item } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { collect, fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { isBuiltInMeter, parseMeter } from '@vouch/proto/kernel/meter.ts'
import { isZero, sign } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { parseRoundingName } from '@vouch/proto/kernel/rounding.ts'
import { conversion, rateOf } from '@vouch/proto/kernel/unit.ts'

/** What somebody asks to sell: a meter in a billable unit. */
export interface ItemRequest {
  readonly id: string
  readonly name: string
  readonly meter: string
  readonly unit: string
  readonly rounding: { readonly mode: string; readonly scale: number }
  /** Below it nothing is billed, from it on all; absent = no quantity is too small. */
  readonly threshold?: { readonly quantity: string; readonly at?: Stage }
  /** Begun steps are billed whole; absent = quantities are billed as they are. */
  readonly increment?: { readonly size: string; readonly minimum?: string; readonly at?: Stage }
}

/** What is compared and counted: each entry, the sum of a resource, or that of a line. */
export const STAGES = ['entry', 'resource', 'line'] as const
type Stage = (typeof STAGES)[number]

/** Most decimals that a billable quantity keeps; rating refuses more. */
export const QUANTITY_SCALE_MAX = 12
/** Bounds of a quantity in an item; rating takes more digits. */
const QUANTITY = { maxScale: QUANTITY_SCALE_MAX, maxDigits: 24 }

/**
 * The item as its next version, policies that are not named by their name. Faults, all at once: METER_UNKNOWN, UNIT_UNKNOWN, UNIT_MISMATCH,
 * ROUNDING_UNKNOWN, DECIMAL_INVALID, OUT_OF_RANGE.
 */
export function draftItem(request: ItemRequest, version: number): Result<Item> {
  const checks = collect<unknown>([
    billable(request.meter, request.unit),
    at('/rounding/mode', parseRoundingName(request.rounding.mode)),
    at('/rounding/scale', scale(request.rounding.scale)),
    at('/threshold/quantity', quantity(request.threshold?.quantity)),
    at('/increment/size', step(request.increment?.size)),
    at('/increment/minimum', quantity(request.increment?.minimum)),
  ])
  if (!checks.ok) return checks
  const { id, name, meter, unit, rounding, threshold, increment } = request
  return ok(
    create(ItemSchema, {
      itemId: id,
      version,
      name,
      meter,
      unit,
      quantityRounding: { ...rounding },
      ...(threshold === undefined ? {} : { threshold: { at: 'line', ...threshold } }),
      ...(increment === undefined ? {} : { increment: { minimum: '0', at: 'entry', ...increment } }),
    }),
  )
}

/** The same result, its fault pointing at a member of the input unless it already points somewhere. */
export function at<T>(pointer: string, result: Result<T>): Result<T> {
  if (result.ok) return result
  const fault: Fault = { pointer, ...result.fault }
  return { ok: false, fault }
}

function billable(meter: string, unit: string): Result<unknown> {
  const named = isBuiltInMeter(meter) ? parseMeter(meter) : parseMeter(meter, unit)
  if (!named.ok) return at(named.fault.code === 'METER_UNKNOWN' ? '/meter' : '/unit', named)
  const converted = conversion(named.value.unit, unit)
  return at('/unit', converted.ok ? converted : asRate(named.value.unit, unit))
}

/** What is ranked by percentiles is sold as a rate: octets as bits a second. */
function asRate(unit: string, wanted: string): Result<unknown> {
  const rate = rateOf(unit)
  if (!rate.ok) return rate
  const converted = conversion(rate.value.unit, wanted)
  return converted.ok ? converted : conversion(unit, wanted)
}

function quantity(text = '0'): Result<Rational> {
  const value = parseDecimal(text, QUANTITY)
  return value.ok && sign(value.value) < 0 ? fail('OUT_OF_RANGE', 'a quantity is not below zero') : value
}

function step(text = '1'): Result<Rational> {
  const value = quantity(text)
  return value.ok && isZero(value.value) ? fail('OUT_OF_RANGE', 'a step is above zero') : value
}

function scale(value: number): Result<number> {
  if (Number.isInteger(value) && value >= 0 && value <= QUANTITY_SCALE_MAX) return ok(value)
  return fail('OUT_OF_RANGE', `a quantity keeps 0 to ${QUANTITY_SCALE_MAX} decimals`)
}
