import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { nearest } from '@vouch/proto/kernel/nearest.ts'
import { durationMs, intersect } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { rational, ZERO } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { exactText } from './trace.ts'
import type { TraceStep } from './trace.ts'

/** Days and months are those of a zone. */
export interface Calendar {
  /** IANA. */
  readonly zone: string
}

/** A part of a whole, in units of a basis. */
export interface Share {
  readonly numerator: bigint
  readonly denominator: bigint
}

/** Counts units from a fixed day to an instant; never falls as time goes on. */
type Position = (atMs: number, calendar: Calendar) => bigint

const DAYS_PER_MONTH = 30n
const MONTHS_PER_YEAR = 12n

/**
 * How a part of a period is measured:
 * - `second`: by elapsed time, to the millisecond; a day of 23 hours is shorter than one of 24;
 * - `day`: by days of the calendar; a day belongs to the part that has its start, so that of a change within a day the part before has it;
 * - `day-inclusive`: by days of the calendar; the day of a change belongs to the part that begins in it;
 * - `fixed-30`: every month has 30 days, the 31st is no day of its own (30/360);
 * - `none`: any part is the whole.
 */
export const PRORATION_BASES = {
  second: (atMs) => BigInt(atMs),
  day: (atMs, calendar) => daysTo(atMs, calendar, 'begun'),
  'day-inclusive': (atMs, calendar) => daysTo(atMs, calendar, 'over'),
  'fixed-30': (atMs, { zone }) => {
    const { year, month, day } = dateAt(atMs, zone)
    const days = BigInt(Math.min(day, 30) - 1)
    return (BigInt(year) * MONTHS_PER_YEAR + BigInt(month)) * DAYS_PER_MONTH + days
  },
  none: undefined,
} as const satisfies Readonly<Record<string, Position | undefined>>

/** The name of a basis. */
export type ProrationBasis = keyof typeof PRORATION_BASES

/** A part of a period as a share of it. */
export interface Proration extends Share {
  readonly fraction: Rational
  readonly basis: ProrationBasis
  readonly trace: TraceStep
}

/** Finds a basis. Faults: TARIFF_INVALID. */
export function parseProrationBasis(name: string): Result<ProrationBasis> {
  const names = Object.keys(PRORATION_BASES)
  if (isBasis(name)) return ok(name)
  const suggestion = nearest(name, names)
  const hint = suggestion === undefined ? '' : `; did you mean ${suggestion}?`
  return fail('TARIFF_INVALID', `the basis of a proration must be one of ${names.join(', ')}${hint}`)
}

/**
 * The share of `whole` that `part` is; `part` is cut to `whole`, so that it is never more than 1. Shares of parts that follow
 * each other and are the whole together sum to exactly 1, but for `none`.
 */
export function prorate(part: Period, whole: Period, basis: ProrationBasis, calendar: Calendar): Proration {
  const common = part.from < part.to ? intersect(part, whole) : undefined
  const position: Position | undefined = PRORATION_BASES[basis]
  const share = shareOf(common, whole, position, calendar)
  const fraction = rational(share.numerator, share.denominator)
  const input =
    basis === 'second'
      ? `${exactText(rational(share.numerator, 1000n))} of ${exactText(rational(share.denominator, 1000n))} s`
      : `${share.numerator} of ${share.denominator}`
  return {
    ...share,
    fraction,
    basis,
    trace: { rule: `proration ${basis}`, input, output: exactText(fraction) },
  }
}

function shareOf(
  part: Period | undefined,
  whole: Period,
  position: Position | undefined,
  calendar: Calendar,
): Share {
  if (part === undefined) return { numerator: ZERO.n, denominator: 1n }
  if (position === undefined) return { numerator: 1n, denominator: 1n }
  const units = ({ from, to }: Period): bigint => position(to, calendar) - position(from, calendar)
  const denominator = units(whole)
  // A whole without a single unit, such as an hour by days, is shared by time.
  if (denominator === 0n)
    return { numerator: BigInt(durationMs(part)), denominator: BigInt(durationMs(whole)) }
  return { numerator: units(part), denominator }
}

/** Days of the zone that have begun, or that are over, before an instant; the day that begins at it is neither. */
function daysTo(atMs: number, { zone }: Calendar, which: 'begun' | 'over'): bigint {
  const date = dateAt(atMs, zone)
  const days = BigInt(date.since('1970-01-01', { largestUnit: 'days' }).days)
  const isStart = date.toZonedDateTime(zone).epochMilliseconds === atMs
  return which === 'begun' && !isStart ? days + 1n : days
}

function dateAt(atMs: number, zone: string): Temporal.PlainDate {
  return Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(zone).toPlainDate()
}

function isBasis(name: string): name is ProrationBasis {
  return Object.hasOwn(PRORATION_BASES, name)
}
