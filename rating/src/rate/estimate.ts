import { create } from '@bufbuild/protobuf'
import { type Estimate, EstimateSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { type Result, ok } from '@vouch/proto/kernel/fault.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { compareText } from '@vouch/proto/kernel/text-order.ts'
import type { EstimateMethod, EstimateRule } from '../rule/estimate.ts'
import {
  LOOKBACK_MS,
  type Reference,
  gapsOf,
  measuredIn,
  referencesFor,
  sampledIn,
} from '../usage/estimate.ts'
import type { Interval } from '../usage/interval.ts'
import { type Stream, type StreamRecord, streamUsage } from '../usage/stream-usage.ts'
import { periodInit, streamUsageMessage } from './message.ts'
import type { UsageStore } from './ports.ts'

/** What was measured of one meter of an assigned resource. */
export interface MeasuredMeter {
  readonly period: Period
  readonly records: readonly StreamRecord[]
  /** How what is missing is estimated. */
  readonly estimates: readonly EstimateRule[]
}

/** A gap of a metered resource. */
interface Gap {
  readonly measurement: number
  readonly period: Period
  readonly resource: string
  readonly method: EstimateMethod
  readonly gap: Interval
  readonly streams: readonly Stream[]
}

/** A gap with an hour that stands in for parts of it. */
interface Filled extends Gap {
  readonly reference: Reference
}

/**
 * What stands in for what nobody measured, by measurement, metered resource, method, gap, hour: a function of the rows alone.
 * Faults: those of the store, USAGE_CONFLICT.
 */
export async function estimatesOf(
  measured: readonly MeasuredMeter[],
  zone: string,
  store: UsageStore,
): Promise<Result<Estimate[]>> {
  const gaps = findGaps(measured)
  const filled: Filled[] = []
  for (const same of Map.groupBy(gaps, ({ period }) => `${period.from} ${period.to}`).values()) {
    const { from, to } = same[0]!.period
    const streams = distinct(same.flatMap((gap) => gap.streams))
    const before = await store.records(streams, { from: Math.max(0, from - LOOKBACK_MS), to })
    if (!before.ok) return before
    const byResource = Map.groupBy(before.value, keyOf)
    for (const gap of same) {
      const records = byResource.get(keyOf({ stream: gap.streams[0]! })) ?? []
      const references = referencesFor(gap.gap, gap.method, records, zone)
      filled.push(...references.map((reference) => ({ ...gap, reference })))
    }
  }
  return withUsage(filled.toSorted(inOrder), store)
}

function findGaps(measured: readonly MeasuredMeter[]): Gap[] {
  if (measured.every(({ estimates }) => estimates.length === 0)) return []
  const byAgent = Map.groupBy(
    measured.flatMap(({ records, period }) => records.map((record) => ({ record, period }))),
    ({ record }) => record.stream.agentId,
  )
  const sampledBy = new Map(
    [...byAgent].map(([agent, all]) => [
      agent,
      all.flatMap(({ record, period }) => sampledIn([record], period)),
    ]),
  )
  return measured.flatMap(({ period, records, estimates }, measurement) =>
    estimates.length === 0
      ? []
      : [...Map.groupBy(records, ({ stream }) => stream.resource)].flatMap(([resource, own]) => {
          const agents = new Set(own.map(({ stream }) => stream.agentId))
          const sampled = [...agents].flatMap((agent) => sampledBy.get(agent) ?? [])
          const gaps = gapsOf(period, measuredIn(own, period), sampled)
          const streams = own.map(({ stream }) => stream)
          return estimates.flatMap(({ method, longestMs }) =>
            gaps
              .filter(({ from, to }) => to - from <= longestMs)
              .map((gap) => ({ measurement, period, resource, method, gap, streams })),
          )
        }),
  )
}

/** The hours as they were measured; one question to the store for each of them. */
async function withUsage(filled: readonly Filled[], store: UsageStore): Promise<Result<Estimate[]>> {
  const usages = new Map<string, ReturnType<typeof streamUsageMessage>>()
  for (const same of Map.groupBy(filled, ({ reference }) => reference.hour.from).values()) {
    const { hour } = same[0]!.reference
    const wanted = distinct(
      same.flatMap(({ streams, reference }) =>
        streams.filter(({ streamId }) => streamId === reference.streamId),
      ),
    )
    const records = await store.records(wanted, hour)
    if (!records.ok) return records
    for (const record of records.value)
      usages.set(`${record.stream.streamId} ${hour.from}`, streamUsageMessage(streamUsage(record, hour)))
  }
  return ok(
    filled.map(({ measurement, resource, method, gap, reference }) =>
      create(EstimateSchema, {
        measurement,
        resource,
        method,
        gap: periodInit(gap),
        periods: reference.periods.map(periodInit),
        reference: usages.get(`${reference.streamId} ${reference.hour.from}`)!,
      }),
    ),
  )
}

function keyOf({ stream: { resource, meter } }: { readonly stream: Stream }): string {
  return `${meter} ${resource}`
}

function distinct(streams: readonly Stream[]): Stream[] {
  return [...new Map(streams.map((stream) => [stream.streamId, stream])).values()]
}

function inOrder(a: Filled, b: Filled): number {
  return (
    a.measurement - b.measurement ||
    compareText(a.resource, b.resource) ||
    compareText(a.method, b.method) ||
    a.gap.from - b.gap.from ||
    a.reference.periods[0]!.from - b.reference.periods[0]!.from
  )
}
