import { create } from '@bufbuild/protobuf'
import {
  type GetUsageRequest,
  type GetUsageResponse,
  GetUsageResponseSchema,
  type ListMetersRequest,
  type ListMetersResponse,
  ListMetersResponseSchema,
  type ListResourcesRequest,
  type ListResourcesResponse,
  ListResourcesResponseSchema,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { type Result, fail, ok } from '@vouch/proto/kernel/fault.ts'
import { parseResourceId } from '@vouch/proto/kernel/id.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { compareText } from '@vouch/proto/kernel/text-order.ts'
import { findConflict, representatives } from '../usage/conflict.ts'
import type { Interval } from '../usage/interval.ts'
import { type StreamRecord, type StreamUsage, streamUsage } from '../usage/stream-usage.ts'
import { streamUsageMessage } from './message.ts'
import type { UsageStore } from './ports.ts'
import { parsePeriodMessage } from './request.ts'

/** Usage of one meter over several streams. */
export interface MeteredUsage {
  /** Unit of the quantity. */
  readonly unit: string
  readonly quantity: bigint
  /** Ordered by resource, then stream id. */
  readonly usages: readonly StreamUsage[]
}

/**
 * Usage of the streams of one meter, at least one. Faults: USAGE_CONFLICT where two agents measured
 * one resource at one time, UNIT_MISMATCH where streams count in different units.
 */
export function meteredUsage(records: readonly StreamRecord[], period: Interval): Result<MeteredUsage> {
  const usages = representatives(records).map((record) => streamUsage(record, period))
  const conflict = findConflict(usages)
  if (conflict !== undefined) {
    const { resource, meter, agentIds, atMs } = conflict
    const agents = [...new Set(agentIds)].join(' and ')
    return fail(
      'USAGE_CONFLICT',
      `two streams of ${meter} of ${resource} overlap at ${formatInstant(atMs)}, by ${agents}`,
    )
  }
  const units = new Set(usages.map(({ stream }) => stream.unit))
  const [unit] = units
  if (unit === undefined) throw new Error('usage needs a stream')
  if (units.size > 1) {
    return fail('UNIT_MISMATCH', `streams of ${usages[0]!.stream.meter} count in ${[...units].join(' and ')}`)
  }
  return ok({ unit, quantity: usages.reduce((sum, usage) => sum + usage.quantity, 0n), usages })
}

const RESOURCES_MAX = 10_000

/** Resources that measured in a period, page by page. Faults: those of the period, OUT_OF_RANGE, STORE_UNAVAILABLE. */
export async function listResources(
  { period: message, after, limit }: ListResourcesRequest,
  store: UsageStore,
): Promise<Result<ListResourcesResponse>> {
  const period = parsePeriodMessage(message, '/period')
  if (!period.ok) return period
  if (limit < 1 || limit > RESOURCES_MAX)
    return fail('OUT_OF_RANGE', `a page has 1 to ${RESOURCES_MAX} resources`, { pointer: '/limit' })
  const resources = await store.resources(period.value, after, limit)
  return resources.ok ? ok(create(ListResourcesResponseSchema, { resources: resources.value })) : resources
}

/** Meters that measured in a period. Faults: those of the period, STORE_UNAVAILABLE, OUT_OF_RANGE. */
export async function listMeters(
  { period: message }: ListMetersRequest,
  store: UsageStore,
): Promise<Result<ListMetersResponse>> {
  const period = parsePeriodMessage(message, '/period')
  if (!period.ok) return period
  const meters = await store.meters(period.value)
  return meters.ok ? ok(create(ListMetersResponseSchema, { meters: meters.value })) : meters
}

/** Usage of a resource and everything below it, by meter in ascending order. */
export async function usageReport(
  request: GetUsageRequest,
  store: UsageStore,
): Promise<Result<GetUsageResponse>> {
  const period = parsePeriodMessage(request.period, '/period')
  if (!period.ok) return period
  const resource = parseResourceId(request.resource)
  if (!resource.ok) return fail(resource.fault.code, resource.fault.message, { pointer: '/resource' })
  const streams = await store.streams([resource.value], request.meter === '' ? [] : [request.meter])
  if (!streams.ok) return streams
  const records = await store.records(streams.value, period.value)
  if (!records.ok) return records
  const byMeter = [...Map.groupBy(records.value, ({ stream }) => stream.meter)].toSorted(([a], [b]) =>
    compareText(a, b),
  )
  const meters = []
  for (const [meter, own] of byMeter) {
    const metered = meteredUsage(own, period.value)
    if (!metered.ok) return metered
    const { unit, quantity, usages } = metered.value
    meters.push({ meter, unit, quantity: `${quantity}`, streams: usages.map(streamUsageMessage) })
  }
  return ok(create(GetUsageResponseSchema, { meters }))
}
