import { create } from '@bufbuild/protobuf'
import {
  type MeasureRequest,
  type MeasureResponse,
  MeasureResponseSchema,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { type Measurement, MeasurementSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { compareBytes, fromHex, toHex } from '@vouch/proto/kernel/bytes.ts'
import { type Result, fail, ok, unwrap } from '@vouch/proto/kernel/fault.ts'
import { METERS, isBuiltInMeter } from '@vouch/proto/kernel/meter.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { selfAndAncestors } from '@vouch/proto/kernel/id.ts'
import { type SlotReadings, slotRuns, slotWindow } from '../usage/slots.ts'
import type { Stream, StreamRecord } from '../usage/stream-usage.ts'
import { type Correction, readCorrections, touching } from './corrections.ts'
import { type MeterPlan, cutsWithin, meterPlans } from './cuts.ts'
import { type MeasuredMeter, estimatesOf } from './estimate.ts'
import { periodInit, streamUsageMessage } from './message.ts'
import type { Archive, BatchPlace, UsageStore } from './ports.ts'
import { type Assignment, parseAssignments } from './request.ts'
import { placeOf } from './snapshot.ts'
import { parseTariff } from './tariff.ts'
import { meteredUsage } from './usage-report.ts'

/** What is asked of usage. */
export interface Sources {
  readonly store: UsageStore
  readonly archive: Archive
}

/** One meter of one assignment, and how it is looked at. */
interface Look {
  readonly assignment: Assignment
  readonly plan: MeterPlan
  readonly streams: readonly Stream[]
  /** Those that touch it. */
  readonly corrections: readonly Correction[]
  readonly cuts: readonly number[]
}

/** Streams that are looked at in one way: one assigned stretch, cuts and slots. */
interface Group {
  readonly period: Period
  readonly cuts: readonly number[]
  readonly slotMs: number
  readonly streams: readonly Stream[]
}

/** What was measured of a stream, and its slots. */
interface Found {
  readonly record: StreamRecord
  readonly slots: ReturnType<typeof slotRuns>
}

/**
 * What assigned resources used: a measurement for each of them and each meter that the tariff prices, where there is any
 * stream. The same request on the same rows gives the same bytes. Faults: those of the request and of the tariff,
 * of the store, and USAGE_CONFLICT, UNIT_MISMATCH.
 */
export async function measure(request: MeasureRequest, sources: Sources): Promise<Result<MeasureResponse>> {
  const place = placeOf(request)
  if (!place.ok) return place
  const { inForce } = place.value
  if (request.tariff === undefined) return fail('FIELD_MISSING', 'name the tariff', { pointer: '/tariff' })
  const tariff = parseTariff(request.tariff, place.value)
  if (!tariff.ok) return tariff
  const plans = meterPlans(tariff.value, inForce)
  if (!plans.ok) return plans
  const assignments = parseAssignments(request.assignments, inForce)
  if (!assignments.ok) return assignments
  const corrections = readCorrections(request.usageCorrections, '/usageCorrections')
  if (!corrections.ok) return corrections
  const streams = await streamsOf(assignments.value, plans.value, sources.store)
  if (!streams.ok) return streams
  const owners = ownersOf(streams.value, assignments.value)
  const looks = looksOf(owners, plans.value, corrections.value)
  const found = await findAll(looks, inForce, sources.store)
  if (!found.ok) return found
  const measurements: Measurement[] = []
  const meters: MeasuredMeter[] = []
  for (const look of looks) {
    const { assignment, plan } = look
    const own = look.streams.flatMap(
      (stream) => found.value.records.get(foundKey(stream, assignment.period)) ?? [],
    )
    if (own.length === 0 && look.corrections.every(({ stated }) => stated === undefined)) continue
    const measured = measurementOf(look, own)
    if (!measured.ok) return measured
    measurements.push(measured.value)
    const records = own.map(({ record }) => record)
    meters.push({ period: assignment.period, records, estimates: plan.estimates })
  }
  const estimates = await estimatesOf(meters, corrections.value, place.value.zone, sources.store)
  if (!estimates.ok) return estimates
  const agents = new Set(measurements.flatMap((each) => each.streams.map(({ agentId }) => toHex(agentId))))
  const newest = await sources.archive.newest([...agents].toSorted())
  if (!newest.ok) return newest
  return ok(
    create(MeasureResponseSchema, {
      snapshot: {
        period: periodInit(place.value.period),
        inForce: periodInit(inForce),
        timeZone: place.value.zone,
        measurements,
        watermarks: newest.value.map(watermarkInit),
        slotBatches: [...found.value.batches],
        estimates: estimates.value,
        usageCorrections: corrections.value.map(({ message }) => message),
      },
    }),
  )
}

async function streamsOf(
  assignments: readonly Assignment[],
  plans: readonly MeterPlan[],
  store: UsageStore,
): Promise<Result<Stream[]>> {
  const resources = [...new Set(assignments.map(({ resource }) => resource))]
  if (resources.length === 0 || plans.length === 0) return ok([])
  return store.streams(
    resources,
    plans.map(({ meter }) => meter),
  )
}

/** The streams of each assignment: of its resource and, unless it is for that alone, below it. No two assignments have one at one time. */
function ownersOf(streams: readonly Stream[], assignments: readonly Assignment[]): Map<Assignment, Stream[]> {
  const owned = new Map<Assignment, Stream[]>(assignments.map((assignment) => [assignment, []]))
  const byResource = Map.groupBy(assignments, ({ resource }) => resource)
  for (const stream of streams) {
    for (const assignment of selfAndAncestors(stream.resource).flatMap(
      (resource) => byResource.get(resource) ?? [],
    ))
      if (!assignment.itself || assignment.resource === stream.resource) owned.get(assignment)!.push(stream)
  }
  return owned
}

/** What all streams measured; one question to the store for each way to look at them. */
async function findAll(
  looks: readonly Look[],
  stretch: Period,
  store: UsageStore,
): Promise<
  Result<{ readonly records: ReadonlyMap<string, Found>; readonly batches: readonly Uint8Array[] }>
> {
  const records = new Map<string, Found>()
  const batches = new Map<string, Uint8Array>()
  for (const { period, cuts, slotMs, streams } of groupsOf(looks)) {
    const found = await store.records(streams, period, cuts)
    if (!found.ok) return found
    const slots = await slotsOf(streams, period, stretch, slotMs, store)
    if (!slots.ok) return slots
    for (const digest of slots.value.batches) batches.set(toHex(digest), digest)
    for (const record of found.value) {
      const epochs = slots.value.epochs.get(record.stream.streamId) ?? []
      const window = slotWindow(period, stretch, slotMs)
      const runs = slotMs === 0 ? [] : slotRuns(epochs, window, slotMs)
      records.set(foundKey(record.stream, period), { record, slots: runs })
    }
  }
  return ok({ records, batches: [...batches.values()].toSorted(compareBytes) })
}

function looksOf(
  owners: ReadonlyMap<Assignment, readonly Stream[]>,
  plans: readonly MeterPlan[],
  all: readonly Correction[],
): Look[] {
  return [...owners].flatMap(([assignment, streams]) =>
    plans.map((plan) => {
      const corrections = touching(all, { ...assignment, meter: plan.meter })
      return {
        assignment,
        plan,
        streams: streams.filter(({ meter }) => meter === plan.meter),
        corrections,
        cuts: cutsWithin(assignment.period, plan, corrections),
      }
    }),
  )
}

function groupsOf(looks: readonly Look[]): Group[] {
  const alike = Map.groupBy(
    looks.filter(({ streams }) => streams.length > 0),
    ({ assignment: { period }, cuts, plan }) => [period.from, period.to, plan.slotMs, ...cuts].join(' '),
  )
  return [...alike.values()].map((same) => ({
    period: same[0]!.assignment.period,
    cuts: same[0]!.cuts,
    slotMs: same[0]!.plan.slotMs,
    streams: same.flatMap(({ streams }) => streams),
  }))
}

async function slotsOf(
  streams: readonly Stream[],
  period: Period,
  stretch: Period,
  slotMs: number,
  store: UsageStore,
): Promise<Result<SlotReadings>> {
  const window = slotWindow(period, stretch, slotMs)
  if (slotMs === 0 || window.from >= window.to) return ok({ epochs: new Map(), batches: [] })
  const records = await store.records(streams, window)
  return records.ok ? store.slots(records.value, window, slotMs) : records
}

function foundKey({ streamId }: Stream, { from, to }: Period): string {
  return `${streamId} ${from} ${to}`
}

/** What was measured; of what nobody measured, what a person stated is still to be attached to something. */
function measurementOf(
  { assignment, plan: { meter, slotMs }, cuts, corrections }: Look,
  found: readonly Found[],
): Result<Measurement> {
  const { resource, period, dimensions, share, itself } = assignment
  const frame = {
    resource,
    meter,
    period: periodInit(period),
    dimensions,
    share,
    cutsMs: cuts.map(BigInt),
    slotMs,
    itself,
  }
  if (found.length === 0) {
    const unit = isBuiltInMeter(meter)
      ? METERS[meter].unit
      : corrections.find(({ stated }) => stated !== undefined)!.stated!.unit
    return ok(create(MeasurementSchema, { ...frame, unit }))
  }
  const metered = meteredUsage(
    found.map(({ record }) => record),
    period,
  )
  if (!metered.ok) return metered
  const slots = new Map(found.map((each) => [each.record.stream.streamId, each.slots]))
  return ok(
    create(MeasurementSchema, {
      ...frame,
      unit: metered.value.unit,
      streams: metered.value.usages.map((usage) => {
        const message = streamUsageMessage(usage)
        message.slots = slotsInit(slots.get(usage.stream.streamId) ?? [])
        return message
      }),
    }),
  )
}

function slotsInit(runs: Found['slots']): Measurement['streams'][number]['slots'] {
  return create(MeasurementSchema, {
    streams: [
      {
        slots: runs.map(({ fromMs, quantities }) => ({
          fromMs: BigInt(fromMs),
          quantities: [...quantities],
        })),
      },
    ],
  }).streams[0]!.slots
}

function watermarkInit({ agentId, runId, sequence, digest, lastMs }: BatchPlace) {
  return {
    agentId: unwrap(fromHex(agentId)),
    runId: unwrap(fromHex(runId)),
    sequence,
    batchDigest: unwrap(fromHex(digest)),
    lastMs: BigInt(lastMs),
  }
}
