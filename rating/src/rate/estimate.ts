import { create } from '@bufbuild/protobuf'
import { type Estimate, EstimateSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { LOOKBACK_MS } from '@vouch/proto/kernel/estimate.ts'
import { type Result, ok } from '@vouch/proto/kernel/fault.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { compareText } from '@vouch/proto/kernel/text-order.ts'
import type { EstimateMethod, EstimateRule } from '../rule/estimate.ts'
import { type Reference, measuredIn, referencesFor, sampledIn, unmeasuredIn } from '../usage/estimate.ts'
import { type Interval, subtract, union } from '../usage/interval.ts'
import { type Stream, type StreamRecord, streamUsage } from '../usage/stream-usage.ts'
import { type Correction, overrules } from './corrections.ts'
import { periodInit, streamUsageMessage } from './message.ts'
import type { UsageStore } from './ports.ts'

/** What was measured of one meter of an assigned resource. */
export interface MeasuredMeter {
  readonly period: Period
  readonly records: readonly StreamRecord[]
  /** How what is missing is estimated. */
  readonly estimates: readonly EstimateRule[]
}

/** A metered resource with time that nobody measured. */
interface Silent {
  readonly measurement: number
  readonly period: Period
  readonly resource: string
  readonly meter: string
  readonly streams: readonly Stream[]
  readonly unmeasured: readonly Interval[]
  /** When its agents sampled anything that is known here. */
  readonly sampled: readonly Interval[]
  readonly estimates: readonly EstimateRule[]
}

/** A gap with an hour that stands in for parts of it. */
interface Filled extends Silent {
  readonly method: EstimateMethod
  readonly gap: Interval
  readonly reference: Reference
}

/**
 * What stands in for what nobody measured, by measurement, metered resource, method, gap, hour: a function of the rows alone. Only a gap
 * that has ended is one: who never came back may be gone. Faults: those of the store, USAGE_CONFLICT.
 */
export async function estimatesOf(
  measured: readonly MeasuredMeter[],
  corrections: readonly Correction[],
  zone: string,
  store: UsageStore,
): Promise<Result<Estimate[]>> {
  const filled: Filled[] = []
  const silent = silentIn(measured)
  for (const same of Map.groupBy(silent, ({ period }) => `${period.from} ${period.to}`).values()) {
    const window = windowOf(same)
    const found = await store.records(distinct(same.flatMap(({ streams }) => streams)), window)
    if (!found.ok) return found
    const byResource = Map.groupBy(found.value, ({ stream }) => keyOf(stream))
    for (const one of same) {
      const records = byResource.get(keyOf(one)) ?? []
      const decided = corrections.filter((each) => overrules(each, one)).map(({ period }) => period)
      filled.push(...fill(one, window, { records, decided }, zone))
    }
  }
  return withUsage(filled.toSorted(inOrder), store)
}

function silentIn(measured: readonly MeasuredMeter[]): Silent[] {
  if (measured.every(({ estimates }) => estimates.length === 0)) return []
  const sampledBy = new Map<string, Interval[]>()
  for (const { records, period } of measured)
    for (const record of records) {
      const known = sampledBy.get(record.stream.agentId) ?? []
      known.push(...sampledIn([record], period))
      sampledBy.set(record.stream.agentId, known)
    }
  return measured.flatMap(({ period, records, estimates }, measurement) =>
    estimates.length === 0
      ? []
      : [...Map.groupBy(records, ({ stream }) => stream.resource)].flatMap(([resource, own]) => {
          const unmeasured = unmeasuredIn(period, measuredIn(own, period))
          if (unmeasured.length === 0) return []
          const streams = own.map(({ stream }) => stream)
          const agents = new Set(streams.map(({ agentId }) => agentId))
          const sampled = union([...agents].flatMap((agent) => sampledBy.get(agent) ?? []))
          const { meter } = streams[0]!
          return [{ measurement, period, resource, meter, streams, unmeasured, sampled, estimates }]
        }),
  )
}

/** Far enough around a period to see how long its gaps are, and the hours that may stand in. */
function windowOf(silent: readonly Silent[]): Interval {
  const { from, to } = silent[0]!.period
  const longest = Math.max(...silent.flatMap(({ estimates }) => estimates.map(({ longestMs }) => longestMs)))
  return { from: Math.max(0, from - longest - LOOKBACK_MS), to: to + longest }
}

function fill(
  silent: Silent,
  window: Interval,
  known: Parameters<typeof referencesFor>[3],
  zone: string,
): Filled[] {
  const gaps = unmeasuredIn(window, measuredIn(known.records, window)).filter(({ to }) => to < window.to)
  return silent.unmeasured.flatMap((part) => {
    const gap = gaps.find(({ from, to }) => from <= part.from && part.to <= to)
    if (gap === undefined) return []
    const wanted = subtract([part], silent.sampled)
    return silent.estimates
      .filter(({ longestMs }) => gap.to - gap.from <= longestMs)
      .flatMap(({ method }) =>
        referencesFor(gap, wanted, method, known, zone).map((reference) => ({
          ...silent,
          method,
          gap,
          reference,
        })),
      )
  })
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

function keyOf({ resource, meter }: Pick<Stream, 'resource' | 'meter'>): string {
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
