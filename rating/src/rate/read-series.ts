import type { Measurement } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { type Result, fail, ok } from '@vouch/proto/kernel/fault.ts'
import { directionOf } from '@vouch/proto/kernel/meter.ts'
import { type Period, contains } from '@vouch/proto/kernel/period.ts'
import { type Rational, multiply, rational } from '@vouch/proto/kernel/rational.ts'
import { type UnitId, rateOf } from '@vouch/proto/kernel/unit.ts'
import type { Series } from '../rule/types.ts'
import { sharedDenominator } from '../usage/slot-values.ts'
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
  const stated = statedOf(corrections, slotMs, unit, index)
  if (!stated.ok) return stated
  // Of a quantity, which is whole, where nobody stated a part of one.
  const parts = sharedDenominator(stated.value.values())
  const step = multiply(multiply(factor, share), rational(1000n, BigInt(slotMs) * parts))
  const starts = slotStarts(stretch, slotMs)
  const byResource = Map.groupBy(streams, (stream) => stream.resource)
  for (const { resource: metered } of stated.value.keys())
    if (!byResource.has(metered)) byResource.set(metered, [])
  return ok(
    [...byResource].map(([metered, own]) => {
      const known = knownOf(own, starts, slotMs)
      const values = starts.map((start, slot) => {
        if (!contains(period, start)) return 0n
        const corrected = correctionAt(corrections, metered, start)
        if (corrected !== undefined) {
          const instead = stated.value.get(corrected)
          // What does not count was not used: other ports of the slot are ranked all the same.
          return instead === undefined ? 0n : instead.n * (parts / instead.d)
        }
        const quantity = known[slot]
        return quantity === undefined ? undefined : quantity * parts
      })
      const all = { ...dimensions, resource: metered }
      return { resource, meter, dimensions: all, unit: rateUnit, direction: directionOf(meter), values, step }
    }),
  )
}

/** What streams measured in each slot; undefined where none of them did. */
function knownOf(
  streams: Measurement['streams'],
  starts: readonly number[],
  slotMs: number,
): readonly (bigint | undefined)[] {
  const known = starts.map((): bigint | undefined => undefined)
  for (const { fromMs, quantities } of streams.flatMap(({ slots }) => slots)) {
    const first = (Number(fromMs) - starts[0]!) / slotMs
    for (const [i, quantity] of quantities.entries())
      if (first + i in known) known[first + i] = (known[first + i] ?? 0n) + quantity
  }
  return known
}

/** What corrections state, by the slot, in the unit of the registers. */
function statedOf(
  corrections: readonly Correction[],
  slotMs: number,
  unit: UnitId,
  index: number,
): Result<ReadonlyMap<Correction, Rational>> {
  const perSlot = new Map<Correction, Rational>()
  for (const correction of corrections) {
    const { stated, period } = correction
    if (stated === undefined) continue
    const quantity = statedIn(stated, unit, index)
    if (!quantity.ok) return quantity
    perSlot.set(
      correction,
      multiply(quantity.value, rational(BigInt(slotMs), BigInt(period.to - period.from))),
    )
  }
  return ok(perSlot)
}
