import { create } from '@bufbuild/protobuf'
import {
  type GetSeriesRequest,
  type GetSeriesResponse,
  GetSeriesResponseSchema,
  Grain,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { type Result, fail, ok, unwrap } from '@vouch/proto/kernel/fault.ts'
import { type Period, parseZone } from '@vouch/proto/kernel/period.ts'
import { type Rational, multiply, rational } from '@vouch/proto/kernel/rational.ts'
import { compareText } from '@vouch/proto/kernel/text-order.ts'
import { quantityText } from '../rule/quantity.ts'
import { type Step, cutBySteps } from '@vouch/proto/kernel/calendar-steps.ts'
import { selfAndAncestors } from '@vouch/proto/kernel/id.ts'
import { overlapping } from '../usage/series.ts'
import type { Stream } from '../usage/stream-usage.ts'
import { periodInit } from './message.ts'
import type { StreamSeries, UsageStore } from './ports.ts'
import { parseAssignments, parsePeriodMessage } from './request.ts'
import type { Assignment } from './request.ts'
import { shareOf } from './share.ts'

const STEPS: Readonly<Partial<Record<Grain, Step>>> = {
  [Grain.HOUR]: 'hour',
  [Grain.DAY]: 'day',
  [Grain.MONTH]: 'month',
  [Grain.YEAR]: 'year',
}
const STEPS_MAX = 10_000
const ROWS_MAX = 200_000

/** One metered resource and meter in one step. */
interface SeriesRow {
  readonly resource: string
  readonly meter: string
  readonly unit: string
  readonly period: Period
  readonly quantity: Rational
  readonly coveredMinutes: number
  /** Those of the assignment. */
  readonly dimensions: Assignment['dimensions']
}

/**
 * Usage by steps of the calendar, from the hourly lattice and where a step does not begin with an hour, from readings. Consecutive steps sum to usage
 * over the whole, exactly; of what is shared, it is the share. Faults: those of the request, ZONE_UNKNOWN, OUT_OF_RANGE beyond 10,000 steps or 200,000 rows,
 * USAGE_CONFLICT, STORE_UNAVAILABLE.
 */
export async function usageSeries(
  request: GetSeriesRequest,
  store: UsageStore,
): Promise<Result<GetSeriesResponse>> {
  const span = parsePeriodMessage(request.period, '/period')
  if (!span.ok) return span
  const zone = parseZone(request.timeZone)
  if (!zone.ok) return fail(zone.fault.code, zone.fault.message, { pointer: '/timeZone' })
  const assignments = parseAssignments(request.assignments, span.value)
  if (!assignments.ok) return assignments
  const resources = [...new Set(assignments.value.map(({ resource }) => resource))]
  if (resources.length === 0) return ok(create(GetSeriesResponseSchema))
  const streams = await store.streams(resources, request.meters)
  if (!streams.ok) return streams
  const rows: SeriesRow[] = []
  for (const group of Map.groupBy(
    assignments.value,
    ({ period: { from, to }, share }) => `${from} ${to} ${share}`,
  ).values()) {
    const parts = partsOf(group[0]!.period, request.grain, zone.value)
    if (!parts.ok) return parts
    const whole = new Set(group.filter(({ itself }) => !itself).map(({ resource }) => resource))
    const alone = new Set(group.filter(({ itself }) => itself).map(({ resource }) => resource))
    const own = streams.value.filter(
      ({ resource }) => alone.has(resource) || selfAndAncestors(resource).some((r) => whole.has(r)),
    )
    const share = unwrap(shareOf(group[0]!.share))
    const found = await rowsOf(own, parts.value, share, store)
    if (!found.ok) return found
    const dimensionsOf = new Map(group.map(({ resource, dimensions }) => [resource, dimensions]))
    for (const row of found.value) {
      // Itself, or the one above it that is assigned: two at one time are refused.
      const assigned = selfAndAncestors(row.resource).find((resource) => dimensionsOf.has(resource))!
      rows.push({ ...row, dimensions: dimensionsOf.get(assigned)! })
    }
    if (rows.length > ROWS_MAX)
      return fail(
        'OUT_OF_RANGE',
        `more than ${ROWS_MAX} rows; ask for a shorter period, longer steps or one meter`,
      )
  }
  return ok(
    create(GetSeriesResponseSchema, {
      rows: rows.toSorted(inOrder).map(({ period, quantity, ...row }) => {
        return { ...row, period: periodInit(period), quantity: quantityText(quantity) }
      }),
    }),
  )
}

function partsOf(period: Period, grain: Grain, zone: string): Result<Period[]> {
  const step = STEPS[grain]
  if (step === undefined) return ok([period])
  // Before they are made: an hour each over centuries would not fit.
  if (step === 'hour' && period.to - period.from > STEPS_MAX * 3_600_000)
    return fail('OUT_OF_RANGE', `more than ${STEPS_MAX} hours; ask for days`, { pointer: '/period' })
  const parts = cutBySteps(period, step, zone)
  if (parts.length > STEPS_MAX)
    return fail('OUT_OF_RANGE', `more than ${STEPS_MAX} steps; ask for longer ones`, { pointer: '/period' })
  return ok(parts)
}

async function rowsOf(
  streams: readonly Stream[],
  parts: readonly Period[],
  share: Rational,
  store: UsageStore,
): Promise<Result<Omit<SeriesRow, 'dimensions'>[]>> {
  const edges = [...parts.map(({ from }) => from), parts.at(-1)!.to]
  const [series, covered] = await Promise.all([store.series(streams, edges), store.covered(streams, edges)])
  if (!series.ok) return series
  if (!covered.ok) return covered
  const rows: Omit<SeriesRow, 'dimensions'>[] = []
  const groups = Map.groupBy(series.value, ({ stream }) => `${stream.resource} ${stream.meter}`)
  for (const group of groups.values()) {
    const [{ resource, meter, unit }] = group.map(({ stream }) => stream) as [Stream]
    const sound = checkGroup(group)
    if (!sound.ok) return sound
    for (const [step, period] of parts.entries()) {
      const own = group.filter(({ steps }) => steps[step]!.isMeasured)
      if (own.length === 0) continue
      const sum = own.reduce((all, { steps }) => all + steps[step]!.quantity, 0n)
      const quantity = multiply(rational(sum), share)
      const minutes = own.map(({ stream }) => covered.value.get(stream.streamId)?.[step] ?? 0)
      const coveredMinutes = minutes.reduce((all, each) => all + each, 0)
      rows.push({ resource, meter, unit, period, quantity, coveredMinutes })
    }
  }
  return ok(rows)
}

function checkGroup(group: readonly StreamSeries[]): Result<void> {
  const { resource, meter, unit } = group[0]!.stream
  const other = group.find(({ stream }) => stream.unit !== unit)
  if (other !== undefined)
    return fail('UNIT_MISMATCH', `streams of ${meter} count in ${unit} and ${other.stream.unit}`)
  const lives = group.flatMap(({ stream: { streamId }, lives: own }) =>
    own.map((life) => ({ ...life, streamId })),
  )
  return overlapping(lives)
    ? fail('USAGE_CONFLICT', `two streams of ${meter} of ${resource} overlap`)
    : ok(undefined)
}

function inOrder(a: SeriesRow, b: SeriesRow): number {
  return compareText(a.resource, b.resource) || compareText(a.meter, b.meter) || a.period.from - b.period.from
}
