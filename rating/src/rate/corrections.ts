import type { UsageCorrection } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { type Result, collect, fail, ok } from '@vouch/proto/kernel/fault.ts'
import { isRelated, isSameOrDescendant, parseResourceId } from '@vouch/proto/kernel/id.ts'
import { type Period, contains, intersect, overlaps } from '@vouch/proto/kernel/period.ts'
import { type Rational, multiply, rational, sign } from '@vouch/proto/kernel/rational.ts'
import { compareText } from '@vouch/proto/kernel/text-order.ts'
import { type UnitId, conversion, parseUnit } from '@vouch/proto/kernel/unit.ts'
import type { Usage } from '../rule/types.ts'
import type { Frame } from './frame.ts'
import { parsePeriodMessage } from './request.ts'

/** What a person decided about usage that was measured, or was not. */
export interface Correction {
  readonly message: UsageCorrection
  readonly id: string
  readonly resource: string
  /** Empty = all. */
  readonly meter: string
  readonly period: Period
  /** What was used instead of what was measured, in all of the period; undefined = nothing. */
  readonly stated: { readonly quantity: Rational; readonly unit: UnitId } | undefined
}

/** What a correction may touch: what an assigned resource measured of a meter. */
export interface Touched {
  readonly resource: string
  readonly meter: string
  readonly period: Period
  /** Only what the resource itself measured. */
  readonly itself: boolean
}

/** Most corrections of one request: each is looked at beside all others. */
const CORRECTIONS_MAX = 1000
const KINDS = ['void', 'replace', 'transfer']

/**
 * Corrections in order of resource, meter and time. Faults, with pointers below `pointer`: FIELD_INVALID, where two hold at one time too;
 * UNIT_UNKNOWN, DECIMAL_INVALID, OUT_OF_RANGE, those of periods.
 */
export function readCorrections(messages: readonly UsageCorrection[], pointer: string): Result<Correction[]> {
  if (messages.length > CORRECTIONS_MAX)
    return fail('OUT_OF_RANGE', `more than ${CORRECTIONS_MAX} corrections at once`, { pointer })
  const read = collect(messages.map((message, i) => readCorrection(message, `${pointer}/${i}`)))
  if (!read.ok) return read
  for (const [i, one] of read.value.entries())
    if (read.value.slice(0, i).some((other) => meet(one, other)))
      return fail('FIELD_INVALID', 'another correction holds for the same usage', {
        pointer: `${pointer}/${i}`,
      })
  return ok(read.value.toSorted(inOrder))
}

/** Whether two corrections are about the same usage at one time. */
export function meet(
  one: Pick<Correction, 'resource' | 'meter' | 'period'>,
  other: Pick<Correction, 'resource' | 'meter' | 'period'>,
): boolean {
  const isOneMeter = one.meter === '' || other.meter === '' || one.meter === other.meter
  return isOneMeter && isRelated(one.resource, other.resource) && overlaps(one.period, other.period)
}

/** Those that say something of what was measured, or could have been. */
export function touching(corrections: readonly Correction[], place: Touched): Correction[] {
  return corrections.filter((correction) => {
    const { resource, meter, period, stated } = correction
    if ((meter !== '' && meter !== place.meter) || !overlaps(period, place.period)) return false
    if (stated !== undefined) return isWithin(resource, place)
    return place.itself ? isSameOrDescendant(place.resource, resource) : isRelated(resource, place.resource)
  })
}

/** Where usage is cut because a correction begins or ends there, ascending. */
export function correctionCuts(corrections: readonly Correction[], period: Period): number[] {
  const edges = corrections.flatMap(({ period: { from, to } }) => [from, to])
  return [...new Set(edges)]
    .filter((ms) => ms !== period.from && contains(period, ms))
    .toSorted((a, b) => a - b)
}

/** Entries of usage, cut at the edges of corrections, without those that a correction takes away. */
export function withoutCorrected<Entry extends Omit<Usage, 'index'>>(
  entries: readonly Entry[],
  corrections: readonly Correction[],
): Entry[] {
  if (corrections.length === 0) return [...entries]
  return entries.filter(
    ({ dimensions, period }) => correctionAt(corrections, dimensions['resource']!, period.from) === undefined,
  )
}

/** What a correction says of a metered resource at an instant; undefined where none does. */
export function correctionAt(
  corrections: readonly Correction[],
  metered: string,
  ms: number,
): Correction | undefined {
  return corrections.find((correction) => contains(correction.period, ms) && isAbout(correction, metered))
}

/** Whether a correction says something of what a metered resource measured of a meter, at whatever time. */
export function overrules(
  correction: Correction,
  metered: { readonly resource: string; readonly meter: string },
): boolean {
  const { meter } = correction
  return (meter === '' || meter === metered.meter) && isAbout(correction, metered.resource)
}

/** What is replaced is so of one resource; everything else goes for what lies below as well. */
function isAbout({ resource, stated }: Correction, metered: string): boolean {
  return stated === undefined ? isSameOrDescendant(metered, resource) : metered === resource
}

/** Entries for what was used instead, cut like what was measured; shared out by time where the correction reaches over the period. */
export function statedEntries(
  corrections: readonly Correction[],
  { resource, meter }: Pick<Touched, 'resource' | 'meter'>,
  { index, period, cuts, unit, share, dimensions }: Frame,
): Result<Omit<Usage, 'index'>[]> {
  const edges = [period.from, ...cuts, period.to]
  const entries = corrections.map((correction): Result<Omit<Usage, 'index'>[]> => {
    const { resource: metered, period: whole, stated, id, message } = correction
    if (stated === undefined) return ok([])
    const quantity = statedIn(stated, unit, index)
    if (!quantity.ok) return quantity
    const parts = edges.slice(1).flatMap((to, i) => {
      const part = intersect({ from: edges[i]!, to }, whole)
      if (part === undefined) return []
      const fraction = rational(BigInt(part.to - part.from), BigInt(whole.to - whole.from))
      return {
        meter,
        resource,
        dimensions: { ...dimensions, resource: metered },
        unit,
        period: part,
        quantity: multiply(multiply(quantity.value, fraction), share),
        chosenBy: undefined,
        items: [],
        cutOf: `${index} ${metered}`,
        stated: { id, reason: message.reason },
      }
    })
    return ok(parts)
  })
  const all = collect(entries)
  return all.ok ? ok(all.value.flat()) : all
}

/** What was stated, in the unit of the registers. Fault: UNIT_MISMATCH. */
export function statedIn(
  { quantity, unit }: NonNullable<Correction['stated']>,
  registers: UnitId,
  measurement: number,
): Result<Rational> {
  const factor = conversion(unit, registers)
  return factor.ok
    ? ok(multiply(quantity, factor.value))
    : fail(factor.fault.code, factor.fault.message, { pointer: `/measurements/${measurement}/unit` })
}

function readCorrection(message: UsageCorrection, pointer: string): Result<Correction> {
  const { correctionId: id, kind, meter, quantity, unit } = message
  if (!KINDS.includes(kind))
    return fail('FIELD_INVALID', `it is one of ${KINDS.join(', ')}`, { pointer: `${pointer}/kind` })
  const resource = parseResourceId(message.resource)
  if (!resource.ok)
    return fail(resource.fault.code, resource.fault.message, { pointer: `${pointer}/resource` })
  const period = parsePeriodMessage(message.period, `${pointer}/period`)
  if (!period.ok) return period
  const own = { message, id, resource: resource.value, meter, period: period.value }
  if (kind !== 'replace') return ok({ ...own, stated: undefined })
  if (meter === '') return fail('FIELD_INVALID', 'name the meter', { pointer: `${pointer}/meter` })
  const value = parseDecimal(quantity)
  if (!value.ok) return fail(value.fault.code, value.fault.message, { pointer: `${pointer}/quantity` })
  if (sign(value.value) < 0)
    return fail('OUT_OF_RANGE', 'no less than nothing is used', { pointer: `${pointer}/quantity` })
  const known = parseUnit(unit)
  if (!known.ok) return fail(known.fault.code, known.fault.message, { pointer: `${pointer}/unit` })
  return ok({ ...own, stated: { quantity: value.value, unit: known.value } })
}

function isWithin(metered: string, { resource, itself }: Touched): boolean {
  return itself ? metered === resource : isSameOrDescendant(metered, resource)
}

function inOrder(a: Correction, b: Correction): number {
  return (
    compareText(a.resource, b.resource) ||
    compareText(a.meter, b.meter) ||
    a.period.from - b.period.from ||
    compareText(a.id, b.id)
  )
}
