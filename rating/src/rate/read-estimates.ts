import type { Estimate, Measurement, Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { LOOKBACK_MS } from '@vouch/proto/kernel/estimate.ts'
import { type Result, collect, fail, ok } from '@vouch/proto/kernel/fault.ts'
import { isSameOrDescendant } from '@vouch/proto/kernel/id.ts'
import { type Period, intersect, overlaps } from '@vouch/proto/kernel/period.ts'
import { multiply, rational } from '@vouch/proto/kernel/rational.ts'
import { ESTIMATE_METHODS, type EstimateMethod } from '../rule/estimate.ts'
import type { Usage } from '../rule/types.ts'
import { REFERENCE_MS, hourOfDay, unmeasuredIn } from '../usage/estimate.ts'
import { union } from '../usage/interval.ts'
import { type Correction, overrules, withoutCorrected } from './corrections.ts'
import type { Frame } from './frame.ts'
import { parsePeriodMessage } from './request.ts'

/** An estimate that has been checked. */
interface Guess {
  readonly measurement: number
  readonly resource: string
  readonly method: EstimateMethod
  readonly gap: Period
  readonly periods: readonly Period[]
  /** What the hour measured. */
  readonly quantity: bigint
}

/** With what an estimate is looked at. */
interface Looked {
  readonly pointer: string
  readonly zone: string
  readonly corrections: readonly Correction[]
}

/** An entry of usage that nobody measured, and its measurement. */
export interface EstimatedEntry {
  readonly measurement: number
  readonly entry: Omit<Usage, 'index'>
}

/**
 * Entries for what is estimated in a snapshot, in order of time for each metered resource. Faults: FIELD_MISSING, FIELD_INVALID, OUT_OF_RANGE,
 * INSTANT_INVALID, PERIOD_REVERSED, each with its pointer.
 */
export function readEstimates(
  snapshot: Snapshot,
  frames: readonly Frame[],
  corrections: readonly Correction[],
  zone: string,
): Result<EstimatedEntry[]> {
  const guesses = collect(
    snapshot.estimates.map((estimate, index) => {
      const pointer = `/estimates/${index}`
      const frame = frames[estimate.measurement]
      const measurement = snapshot.measurements[estimate.measurement]
      if (frame === undefined || measurement === undefined)
        return fail('OUT_OF_RANGE', 'there is no such measurement', { pointer: `${pointer}/measurement` })
      return readEstimate(estimate, frame, measurement, { pointer, zone, corrections })
    }),
  )
  if (!guesses.ok) return guesses
  const entries: EstimatedEntry[] = []
  const byName = Map.groupBy(guesses.value, nameOf)
  for (const own of byName.values()) {
    const parts = own
      .flatMap((guess) => guess.periods.map((period) => ({ guess, period })))
      .toSorted((a, b) => a.period.from - b.period.from)
    const twice = parts.find(({ period }, i) => i > 0 && overlaps(period, parts[i - 1]!.period))
    if (twice !== undefined) {
      const index = guesses.value.indexOf(twice.guess)
      return fail('FIELD_INVALID', 'it is estimated twice', { pointer: `/estimates/${index}/periods` })
    }
    for (const { guess, period } of parts) {
      const { measurement } = guess
      const { meter, resource } = snapshot.measurements[measurement]!
      for (const part of cutAt(period, frames[measurement]!.cuts))
        entries.push({ measurement, entry: entryOf(guess, part, { meter, resource }, frames[measurement]!) })
    }
  }
  return ok(
    entries.filter(
      ({ measurement, entry }) => withoutCorrected([entry], frames[measurement]!.corrections).length > 0,
    ),
  )
}

function readEstimate(
  { measurement: index, resource, method, gap, periods, reference }: Estimate,
  frame: Frame,
  measurement: Measurement,
  { pointer, zone, corrections }: Looked,
): Result<Guess> {
  const invalid = (member: string, message: string): Result<never> =>
    fail('FIELD_INVALID', message, { pointer: `${pointer}/${member}` })
  const known = ESTIMATE_METHODS.find((name) => name === method)
  if (known === undefined) return invalid('method', `it is one of ${ESTIMATE_METHODS.join(', ')}`)
  if (!isSameOrDescendant(resource, measurement.resource))
    return invalid('resource', `${resource} is neither ${measurement.resource} nor below it`)
  const whole = parsePeriodMessage(gap, `${pointer}/gap`)
  if (!whole.ok) return whole
  const measured = measurement.streams.filter((stream) => stream.resource === resource)
  if (measured.length === 0) return invalid('resource', `nothing is known of ${resource}`)
  const inside = intersect(whole.value, frame.period)
  const unmeasured = unmeasuredIn(frame.period, union(measured.flatMap(({ epochs }) => epochs.map(partOf))))
  if (!unmeasured.some(({ from, to }) => from === inside?.from && to === inside.to))
    return invalid('gap', `it is not all the time from which nothing is known of ${resource}`)
  const parts = collect(periods.map((each, i) => parsePeriodMessage(each, `${pointer}/periods/${i}`)))
  if (!parts.ok) return parts
  const isInside = parts.value.every(({ from, to }) => from >= inside!.from && to <= inside!.to)
  if (parts.value.length === 0 || !isInside) return invalid('periods', 'they are parts of the gap')
  const hour = parsePeriodMessage(reference?.period, `${pointer}/reference/period`)
  if (!hour.ok) return hour
  const { from, to } = hour.value
  if (to - from !== REFERENCE_MS || to > whole.value.from || from < whole.value.from - LOOKBACK_MS)
    return invalid('reference/period', 'it is an hour of the seven days before the gap')
  if (reference!.resource !== resource) return invalid('reference/resource', `it is not ${resource}`)
  if (reference!.coverage?.missingMs !== 0n)
    return invalid('reference/coverage', 'the hour was not measured from end to end')
  const metered = { resource, meter: measurement.meter }
  if (corrections.some((each) => overrules(each, metered) && overlaps(each.period, hour.value)))
    return invalid('reference/period', 'it was decided that something else counts in that hour')
  const isAlike = ({ from: start }: Period): boolean => hourOfDay(start, zone) === hourOfDay(from, zone)
  if (known === 'same-hour' && !parts.value.every(isAlike))
    return invalid('periods', 'they lie in another hour of the day')
  const quantity = reference!.epochs.reduce((sum, epoch) => sum + epoch.quantity, 0n)
  return ok({ measurement: index, resource, method: known, gap: whole.value, periods: parts.value, quantity })
}

function partOf({ opening, closing }: Measurement['streams'][number]['epochs'][number]): Period {
  return { from: Number(opening!.atMs), to: Number(closing!.atMs) }
}

function cutAt(period: Period, cuts: readonly number[]): Period[] {
  const edges = [period.from, ...cuts, period.to]
  return edges.slice(1).flatMap((to, i) => intersect({ from: edges[i]!, to }, period) ?? [])
}

function entryOf(
  guess: Guess,
  period: Period,
  { meter, resource }: { readonly meter: string; readonly resource: string },
  { index, dimensions, unit, share }: Frame,
): Omit<Usage, 'index'> {
  const { method, gap, quantity } = guess
  const part = rational(quantity * BigInt(period.to - period.from), BigInt(REFERENCE_MS))
  return {
    meter,
    resource,
    dimensions: { ...dimensions, resource: guess.resource },
    unit,
    period,
    quantity: multiply(part, share),
    chosenBy: undefined,
    items: [],
    cutOf: `${index} ${guess.resource}`,
    estimated: { method, gapMs: gap.to - gap.from },
  }
}

/** Names what is estimated in one way. */
function nameOf({ measurement, resource, method }: Guess): string {
  return `${measurement} ${resource} ${method}`
}
