import type {
  Availability,
  BilledLine,
  EpochUsage,
  Measurement,
  Snapshot,
} from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { type Result, collect, fail, ok } from '@vouch/proto/kernel/fault.ts'
import { type Period, parseZone } from '@vouch/proto/kernel/period.ts'
import { type Rational, compare, multiply, rational, sign } from '@vouch/proto/kernel/rational.ts'
import { parseUnit } from '@vouch/proto/kernel/unit.ts'
import type { Billed, Facts, Series, Usage } from '../rule/types.ts'
import { CUTS_MAX } from '../rule/cuts.ts'
import { readQuantity } from '../rule/quantity.ts'
import { checkEpochs } from './check-epochs.ts'
import { type Correction, readCorrections, statedEntries, touching, withoutCorrected } from './corrections.ts'
import { SLOT_MS } from './cuts.ts'
import type { Frame } from './frame.ts'
import { readEstimates } from './read-estimates.ts'
import { seriesOf } from './read-series.ts'
import { parsePeriodMessage } from './request.ts'
import { shareOf } from './share.ts'
import type { Place } from './tariff.ts'

/** What a tariff is applied to, and from which measurement each fact is. */
export interface SnapshotFacts {
  readonly place: Place
  readonly facts: Facts
  /** The measurement of each usage fact, by its index. */
  readonly usageFrom: readonly number[]
  /** What persons decided about each measurement, by its place. */
  readonly corrections: readonly (readonly Correction[])[]
  /** What is estimated of each measurement that anything is of. */
  readonly estimatedOf: ReadonlyMap<number, readonly Usage[]>
  /** The measurement of each series, by its index. */
  readonly seriesFrom: readonly number[]
}

/** One register's way through a period: its value at some instants, the first and the last of them its ends. */
interface Course {
  readonly fromMs: number
  readonly toMs: number
  readonly registers: ReadonlyMap<number, bigint>
}

/**
 * The facts of a snapshot: of every metered resource an entry for each part between the cuts, and a series where there are
 * slots; then an entry for each part of a gap that is estimated. An entry's resource is the assigned one; the metered one is its dimension `resource`. Pure; the same for
 * rating and for whoever checks it. Faults: FIELD_MISSING, FIELD_INVALID, INSTANT_INVALID, PERIOD_REVERSED, ZONE_UNKNOWN,
 * UNIT_UNKNOWN, UNIT_MISMATCH, DECIMAL_INVALID, USAGE_INCOMPLETE where a register is not known at a cut.
 */
export function readSnapshot(snapshot: Snapshot): Result<SnapshotFacts> {
  const place = placeOf(snapshot)
  if (!place.ok) return place
  const corrections = readCorrections(snapshot.usageCorrections, '/usageCorrections')
  if (!corrections.ok) return corrections
  const frames = collect(
    snapshot.measurements.map((measurement, index) =>
      frameOf(measurement, index, place.value, corrections.value),
    ),
  )
  if (!frames.ok) return frames
  const availability = collect(snapshot.availability.map(availabilityOf))
  if (!availability.ok) return availability
  const earlier = collect(snapshot.windowBilled.map(earlierOf))
  if (!earlier.ok) return earlier
  const notBefore = earlier.value.findIndex(({ period }) => period.to > place.value.inForce.from)
  if (notBefore >= 0)
    return fail('FIELD_INVALID', 'it was not billed for a time before this one', {
      pointer: `/windowBilled/${notBefore}/period`,
    })
  const usage: Usage[] = []
  const usageFrom: number[] = []
  const series: Series[] = []
  const seriesFrom: number[] = []
  for (const [index, frame] of frames.value.entries()) {
    const measurement = snapshot.measurements[index]!
    const entries = entriesOf(measurement, frame)
    if (!entries.ok) return entries
    const stated = statedEntries(frame.corrections, measurement, frame)
    if (!stated.ok) return stated
    for (const entry of [...withoutCorrected(entries.value, frame.corrections), ...stated.value]) {
      usageFrom.push(index)
      usage.push({ ...entry, index: usage.length })
    }
    if (measurement.slotMs === 0) continue
    const ranked = seriesOf(measurement, frame, place.value.inForce)
    if (!ranked.ok) return ranked
    for (const each of ranked.value) {
      seriesFrom.push(index)
      series.push({ ...each, index: series.length })
    }
  }
  const estimated = readEstimates(snapshot, frames.value, corrections.value, place.value.zone)
  if (!estimated.ok) return estimated
  const estimatedOf = new Map<number, Usage[]>()
  for (const { measurement, entry } of estimated.value) {
    usageFrom.push(measurement)
    const guessed = { ...entry, index: usage.length }
    usage.push(guessed)
    estimatedOf.set(measurement, [...(estimatedOf.get(measurement) ?? []), guessed])
  }
  const known = { earlier: earlier.value, availability: availability.value }
  const facts = { usage, series, changes: [], billed: [], used: new Map(), ...known }
  return ok({
    place: place.value,
    facts,
    usageFrom,
    corrections: frames.value.map((frame) => frame.corrections),
    estimatedOf,
    seriesFrom,
  })
}

/** The stretch of a snapshot, or of a request to measure one. Faults: as of {@link readSnapshot}. */
export function placeOf({
  period: whole,
  inForce: part,
  timeZone,
  contract: agreed,
  term,
}: Pick<Snapshot, 'period' | 'inForce' | 'timeZone'> &
  Partial<Pick<Snapshot, 'contract' | 'term'>>): Result<Place> {
  const period = parsePeriodMessage(whole, '/period')
  if (!period.ok) return period
  const inForce = parsePeriodMessage(part, '/inForce')
  if (!inForce.ok) return inForce
  if (inForce.value.from < period.value.from || inForce.value.to > period.value.to)
    return fail('FIELD_INVALID', 'the stretch reaches beyond the period', { pointer: '/inForce' })
  const zone = parseZone(timeZone)
  if (!zone.ok) return fail(zone.fault.code, zone.fault.message, { pointer: '/timeZone' })
  const cutShort = term === undefined ? ok(undefined) : termOf(term, inForce.value)
  if (!cutShort.ok) return cutShort
  const place = { period: period.value, inForce: inForce.value, zone: zone.value, term: cutShort.value }
  if (agreed === undefined) return ok(place)
  const contract = parsePeriodMessage(agreed, '/contract')
  if (!contract.ok) return contract
  const { from, to } = contract.value
  if (place.inForce.from < from || place.inForce.to > to)
    return fail('FIELD_INVALID', 'the stretch reaches beyond the contract', { pointer: '/contract' })
  return ok({ ...place, contract: contract.value })
}

/** The agreed term that the end of a stretch cuts short. */
function termOf(term: NonNullable<Snapshot['term']>, inForce: Period): Result<Period> {
  const read = parsePeriodMessage(term, '/term')
  if (!read.ok) return read
  const isCutShort = read.value.from <= inForce.from && inForce.to < read.value.to
  return isCutShort
    ? read
    : fail('FIELD_INVALID', 'the end of the stretch does not cut the term short', { pointer: '/term' })
}

function frameOf(
  measurement: Measurement,
  index: number,
  { inForce }: Place,
  all: readonly Correction[],
): Result<Frame> {
  const pointer = `/measurements/${index}`
  const period = parsePeriodMessage(measurement.period, `${pointer}/period`)
  if (!period.ok) return period
  if (period.value.from < inForce.from || period.value.to > inForce.to)
    return fail('FIELD_INVALID', 'it reaches beyond the stretch', { pointer: `${pointer}/period` })
  const unit = parseUnit(measurement.unit)
  if (!unit.ok) return fail(unit.fault.code, unit.fault.message, { pointer: `${pointer}/unit` })
  const share = shareOf(measurement.share)
  if (!share.ok) return fail(share.fault.code, share.fault.message, { pointer: `${pointer}/share` })
  if (measurement.cutsMs.length > CUTS_MAX)
    return fail('OUT_OF_RANGE', `a measurement has at most ${CUTS_MAX} cuts`, {
      pointer: `${pointer}/cutsMs`,
    })
  const cuts = measurement.cutsMs.map(Number)
  const isAscending = cuts.every((ms, i) => ms > (cuts[i - 1] ?? period.value.from) && ms < period.value.to)
  if (!isAscending)
    return fail('FIELD_INVALID', 'cuts lie inside the period, in ascending order', {
      pointer: `${pointer}/cutsMs`,
    })
  if (measurement.slotMs !== 0 && measurement.slotMs !== SLOT_MS)
    return fail('FIELD_INVALID', `slots have ${SLOT_MS} ms`, { pointer: `${pointer}/slotMs` })
  const epochs = checkEpochs(measurement.streams, pointer)
  if (!epochs.ok) return epochs
  const { dimensions, resource, meter, itself } = measurement
  const corrections = touching(all, { resource, meter, itself, period: period.value })
  return ok({
    index,
    period: period.value,
    corrections,
    cuts,
    unit: unit.value,
    share: share.value,
    dimensions,
  })
}

function entriesOf(
  { resource, meter, streams }: Measurement,
  { index, period, cuts, unit, share, dimensions }: Frame,
): Result<Omit<Usage, 'index'>[]> {
  const edges = [period.from, ...cuts, period.to]
  const byResource = [...Map.groupBy(streams.entries(), ([, stream]) => stream.resource)]
  return collect(
    byResource.flatMap(([metered, own]) => {
      const courses = own.flatMap(([, { epochs }]) => epochs.map(courseOf))
      return edges.slice(1).map((to, part): Result<Omit<Usage, 'index'>> => {
        const between = { from: edges[part]!, to }
        const quantities = courses.map((course) => quantityIn(course, between))
        if (quantities.includes(undefined))
          return fail('USAGE_INCOMPLETE', `the register of ${metered} is not known at every cut`, {
            pointer: `/measurements/${index}/streams/${own[0]![0]}`,
          })
        const sum = quantities.reduce<bigint>((all, quantity) => all + quantity!, 0n)
        return ok({
          meter,
          resource,
          dimensions: { ...dimensions, resource: metered },
          unit,
          period: between,
          quantity: multiply(rational(sum), share),
          chosenBy: undefined,
          items: [],
          cutOf: `${index} ${metered}`,
        })
      })
    }),
  )
}

function courseOf({ opening, cuts, closing }: EpochUsage): Course {
  const registers = [opening!, ...cuts, closing!].map(
    ({ atMs, register }) => [Number(atMs), register] as const,
  )
  return { fromMs: Number(opening!.atMs), toMs: Number(closing!.atMs), registers: new Map(registers) }
}

/** What a register grew in a period; undefined where it is not known at an end of it. */
function quantityIn({ fromMs, toMs, registers }: Course, { from, to }: Period): bigint | undefined {
  // Before it begins a register is what it begins with, after its end what it ends with.
  const valueAt = (ms: number): bigint | undefined => registers.get(Math.min(Math.max(ms, fromMs), toMs))
  const [opening, closing] = [valueAt(from), valueAt(to)]
  return opening === undefined || closing === undefined ? undefined : closing - opening
}

function availabilityOf(
  { service, expected, available }: Availability,
  index: number,
  all: readonly Availability[],
): Result<Facts['availability'][number]> {
  const read = (name: string, text: string): Result<Rational> => {
    const value = parseDecimal(text)
    return value.ok
      ? value
      : fail(value.fault.code, value.fault.message, { pointer: `/availability/${index}/${name}` })
  }
  const whole = read('expected', expected)
  if (!whole.ok) return whole
  const part = read('available', available)
  if (!part.ok) return part
  const pointer = `/availability/${index}`
  if (sign(whole.value) <= 0)
    return fail('OUT_OF_RANGE', 'what is expected is more than nothing', { pointer: `${pointer}/expected` })
  if (sign(part.value) < 0 || compare(part.value, whole.value) > 0)
    return fail('OUT_OF_RANGE', 'it is neither less than nothing nor more than was expected', {
      pointer: `${pointer}/available`,
    })
  if (all.findIndex((other) => other.service === service) < index)
    return fail('FIELD_INVALID', `${service} is named twice`, { pointer: `${pointer}/service` })
  return ok({ service, expected: whole.value, available: part.value })
}

/** A line of an earlier document, for rules that count over a window. */
function earlierOf(
  { ruleId, pool, period, quantity, exactQuantity, unit, amount }: BilledLine,
  index: number,
): Result<Billed> {
  const pointer = `/windowBilled/${index}`
  const span = parsePeriodMessage(period, `${pointer}/period`)
  if (!span.ok) return span
  const used = readQuantity(quantity, exactQuantity)
  if (!used.ok) return fail(used.fault.code, used.fault.message, { pointer: `${pointer}/quantity` })
  const spent = readQuantity(amount, '')
  if (!spent.ok) return fail(spent.fault.code, spent.fault.message, { pointer: `${pointer}/amount` })
  const own = { rule: ruleId, pool, period: span.value, quantity: used.value, amount: spent.value }
  if (unit === '') return ok({ ...own, unit: undefined })
  const known = parseUnit(unit)
  return known.ok
    ? ok({ ...own, unit: known.value })
    : fail(known.fault.code, known.fault.message, { pointer: `${pointer}/unit` })
}
