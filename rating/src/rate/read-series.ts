import type { Measurement } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { type Result, fail, ok } from '@vouch/proto/kernel/fault.ts'
import { directionOf } from '@vouch/proto/kernel/meter.ts'
import { type Period, contains } from '@vouch/proto/kernel/period.ts'
import { type Rational, ZERO, multiply, rational } from '@vouch/proto/kernel/rational.ts'
import { type UnitId, rateOf } from '@vouch/proto/kernel/unit.ts'
import type { Series } from '../rule/types.ts'
import { slotStarts } from '../usage/slots.ts'
import { type Correction, correctionAt, statedIn } from './corrections.ts'
import type { Frame } from './frame.ts'

/** Each metered resource's quantities as rates; a slot that all its streams miss is undefined, one outside of the assignment is zero. */
export function seriesOf(
  { resource, meter, slotMs, streams }: Measurement,
  { index, period, corrections, unit, share, dimensions }: Frame,
  stretch: Period,
): Result<Omit<Series, 'index'>[]> {
  const rate = rateOf(unit)
  if (!rate.ok) return fail(rate.fault.code, rate.fault.message, { pointer: `/measurements/${index}/unit` })
  const { unit: rateUnit, factor } = rate.value
  const perSlot = multiply(multiply(factor, share), rational(1000n, BigInt(slotMs)))
  const statedPerMs = ratesOf(corrections, unit, index)
  if (!statedPerMs.ok) return statedPerMs
  const starts = slotStarts(stretch, slotMs)
  const byResource = Map.groupBy(streams, (stream) => stream.resource)
  for (const { resource: metered } of statedPerMs.value.keys())
    if (!byResource.has(metered)) byResource.set(metered, [])
  return ok(
    [...byResource].map(([metered, own]) => {
      const known = new Map<number, bigint>()
      for (const { fromMs, quantities } of own.flatMap(({ slots }) => slots))
        for (const [i, quantity] of quantities.entries()) {
          const start = Number(fromMs) + i * slotMs
          known.set(start, (known.get(start) ?? 0n) + quantity)
        }
      const values = starts.map((start) => {
        if (!contains(period, start)) return ZERO
        const corrected = correctionAt(corrections, metered, start)
        if (corrected !== undefined) {
          const stated = statedPerMs.value.get(corrected)
          // What does not count was not used: other ports of the slot are ranked all the same.
          return stated === undefined ? ZERO : multiply(multiply(stated, perSlot), rational(BigInt(slotMs)))
        }
        const quantity = known.get(start)
        return quantity === undefined ? undefined : multiply(rational(quantity), perSlot)
      })
      const all = { ...dimensions, resource: metered }
      return { resource, meter, dimensions: all, unit: rateUnit, direction: directionOf(meter), values }
    }),
  )
}

/** What corrections state, by the millisecond, in the unit of the registers. */
function ratesOf(
  corrections: readonly Correction[],
  unit: UnitId,
  index: number,
): Result<ReadonlyMap<Correction, Rational>> {
  const rates = new Map<Correction, Rational>()
  for (const correction of corrections) {
    const { stated, period } = correction
    if (stated === undefined) continue
    const quantity = statedIn(stated, unit, index)
    if (!quantity.ok) return quantity
    rates.set(correction, multiply(quantity.value, rational(1n, BigInt(period.to - period.from))))
  }
  return ok(rates)
}
