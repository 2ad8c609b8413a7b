import { create } from '@bufbuild/protobuf'
import { ItemSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Item } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { collect, fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { isBuiltInMeter, parseMeter } from '@vouch/proto/kernel/meter.ts'
import { parseRoundingName } from '@vouch/proto/kernel/rounding.ts'
import { conversion, rateOf } from '@vouch/proto/kernel/unit.ts'

/** What somebody asks to sell: a meter in a billable unit. */
export interface ItemRequest {
  readonly id: string
  readonly name: string
  readonly meter: string
  readonly unit: string
  readonly rounding: { readonly mode: string; readonly scale: number }
}

/** Most decimals that a billable quantity keeps; rating refuses more. */
export const QUANTITY_SCALE_MAX = 12

/**
 * The item as its next version. Faults, all at once: METER_UNKNOWN, UNIT_UNKNOWN, UNIT_MISMATCH,
 * ROUNDING_UNKNOWN, OUT_OF_RANGE.
 */
export function draftItem(request: ItemRequest, version: number): Result<Item> {
  const checks = collect<unknown>([
    billable(request.meter, request.unit),
    at('/rounding/mode', parseRoundingName(request.rounding.mode)),
    at('/rounding/scale', scale(request.rounding.scale)),
  ])
  if (!checks.ok) return checks
  const { id, name, meter, unit, rounding } = request
  return ok(create(ItemSchema, { itemId: id, version, name, meter, unit, quantityRounding: { ...rounding } }))
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

function scale(value: number): Result<number> {
  if (Number.isInteger(value) && value >= 0 && value <= QUANTITY_SCALE_MAX) return ok(value)
  return fail('OUT_OF_RANGE', `a quantity keeps 0 to ${QUANTITY_SCALE_MAX} decimals`)
}
