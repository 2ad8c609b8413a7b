import { create } from '@bufbuild/protobuf'
import {
  type RateRequest,
  type RateResponse,
  RateResponseSchema,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { type Charge, ChargeSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { type Result, ok } from '@vouch/proto/kernel/fault.ts'
import { priceUsage } from '../tariff/charge.ts'
import type { PricedItem, PricedTariff } from '../tariff/tariff.ts'
import { selfAndAncestors } from '../usage/resource.ts'
import type { Stream, StreamRecord } from '../usage/stream-usage.ts'
import { lineId } from './line-id.ts'
import { periodInit, streamUsageMessage } from './message.ts'
import type { UsageStore } from './ports.ts'
import { type Assignment, parseRateRequest } from './request.ts'
import { meteredUsage } from './usage-report.ts'

/**
 * Charges with evidence, in the order of the tariff's prices, then of the assignments. The same
 * request on the same rows gives the same bytes. Faults: those of the request, of the store, and
 * USAGE_CONFLICT, UNIT_MISMATCH.
 */
export async function rate(request: RateRequest, store: UsageStore): Promise<Result<RateResponse>> {
  const order = parseRateRequest(request)
  if (!order.ok) return order
  const { tariff, assignments } = order.value
  const meters = [...new Set(tariff.items.map(({ meter }) => meter))].toSorted()
  const records = await assignedRecords(assignments, meters, store)
  if (!records.ok) return records
  const charges: Charge[] = []
  for (const item of tariff.items) {
    for (const assignment of assignments) {
      const own = records.value.get(assignment)?.filter(({ stream }) => stream.meter === item.meter) ?? []
      if (own.length === 0) continue
      const charge = chargeOf(item, tariff, assignment, own)
      if (!charge.ok) return charge
      charges.push(charge.value)
    }
  }
  return ok(create(RateResponseSchema, { charges }))
}

/** One charge: usage of all streams at or below the resource, then the tariff's rules. */
function chargeOf(
  item: PricedItem,
  tariff: PricedTariff,
  { resource, period }: Assignment,
  records: readonly StreamRecord[],
): Result<Charge> {
  const metered = meteredUsage(records, period)
  if (!metered.ok) return metered
  const { unit, quantity, usages } = metered.value
  const price = priceUsage(
    item,
    tariff,
    usages.map((usage) => usage.quantity),
    unit,
  )
  if (!price.ok) return price
  return ok(
    create(ChargeSchema, {
      lineId: lineId(item.itemId, resource, period.from),
      itemId: item.itemId,
      resource,
      meter: item.meter,
      period: periodInit(period),
      baseQuantity: `${quantity}`,
      baseUnit: unit,
      quantity: price.value.quantity,
      unit: item.unit,
      unitPrice: price.value.unitPrice,
      amount: price.value.amount,
      currency: tariff.currency,
      trace: price.value.trace.map((step) => ({ ...step })),
      usage: usages.map(streamUsageMessage),
    }),
  )
}

/** What every assignment's streams measured; one question to the store for each distinct period. */
async function assignedRecords(
  assignments: readonly Assignment[],
  meters: readonly string[],
  store: UsageStore,
): Promise<Result<Map<Assignment, StreamRecord[]>>> {
  const records = new Map<Assignment, StreamRecord[]>()
  const resources = [...new Set(assignments.map(({ resource }) => resource))]
  if (resources.length === 0) return ok(records)
  const streams = await store.streams(resources, meters)
  if (!streams.ok) return streams
  for (const group of Map.groupBy(assignments, ({ period }) => `${period.from} ${period.to}`).values()) {
    const owners = new Map(group.map((assignment) => [assignment.resource, assignment]))
    const ownerOf = (stream: Stream): Assignment | undefined =>
      selfAndAncestors(stream.resource)
        .map((resource) => owners.get(resource))
        .find((owner) => owner !== undefined)
    const owned = streams.value.filter((stream) => ownerOf(stream) !== undefined)
    const found = await store.records(owned, group[0]!.period)
    if (!found.ok) return found
    for (const [owner, own] of Map.groupBy(found.value, ({ stream }) => ownerOf(stream)!))
      records.set(owner, own)
  }
  return ok(records)
}
