import { type Period, durationMs, formatInstant, intersect } from '@vouch/proto/kernel/period.ts'
import { type Rational, rational } from '@vouch/proto/kernel/rational.ts'
import type { TraceStep } from './trace.ts'

/**
 * How a part of a period is measured:
 *
 * - `second`: by elapsed time, exact to the millisecond.
 * - `day`: by days of the zone's calendar. A day belongs to the part that holds its start, so where a
 *   change falls inside a day, the day is the earlier part's.
 * - `day-inclusive`: by days of the zone's calendar. A part counts the day on which it begins, so where
 *   a change falls inside a day, the day is the later part's.
 * - `fixed-30`: by days of which every month has 30 and every year 360 (30E/360, ISDA 2006 Definitions,
 *   4.16(h)): the last day of a month is its 30th. Changes inside a day are as in `day`.
 * - `none`: not at all; any part costs as much as the whole.
 */
export type ProrationBasis = 'second' | 'day' | 'day-inclusive' | 'fixed-30' | 'none'

/** Where days begin. */
export interface Calendar {
  /** IANA time zone. */
  readonly zone: string
}

/** How much of a whole a part is, not in lowest terms: 15 of 30 days. */
export interface Measure {
  readonly numerator: bigint
  readonly denominator: bigint
  /** What is counted; `whole` where nothing is measured. */
  readonly unit: 'ms' | 'day' | 'whole'
}

/** Measures a part that lies inside of the whole. Throws when the zone is unknown. */
export type Measuring = (part: Period, whole: Period, calendar: Calendar) => Measure

/** A share of a period with what it was computed from. */
export interface Proration {
  /** From 0 to 1, in lowest terms. */
  readonly fraction: Rational
  readonly numerator: bigint
  readonly denominator: bigint
  readonly basis: ProrationBasis
  readonly trace: TraceStep
}

/**
 * Every basis under its name in tariffs. `day` and `day-inclusive` are the same where all ends are starts
 * of days; where one is not, they differ by that one day. A whole in which a basis counts no day, such as
 * an afternoon, is measured by elapsed time. A date that a zone skipped counts with the day before it.
 */
export const PRORATION_BASES: Readonly<Record<ProrationBasis, Measuring>> = {
  second: elapsed,
  day: counted((ms, zone) => dayNumber(firstDayFrom(ms, zone))),
  'day-inclusive': counted((ms, zone) => dayNumber(begunDay(ms, zone))),
  'fixed-30': counted((ms, zone) => dayNumber30(firstDayFrom(ms, zone))),
  none: () => ({ numerator: 1n, denominator: 1n, unit: 'whole' }),
}

/**
 * The share of `whole` that `part` is; `part` is cut to `whole`, so that it never exceeds 1, and is 0 where
 * they have nothing in common. Throws when the zone is unknown.
 */
export function prorate(part: Period, whole: Period, basis: ProrationBasis, calendar: Calendar): Proration {
  const cut = intersect(part, whole)
  const measure = PRORATION_BASES[basis](cut ?? whole, whole, calendar)
  return proration(part, whole, basis, calendar, cut === undefined ? { ...measure, numerator: 0n } : measure)
}

function proration(
  part: Period,
  whole: Period,
  basis: ProrationBasis,
  { zone }: Calendar,
  { numerator, denominator, unit }: Measure,
): Proration {
  const trace = {
    rule: `proration ${basis}${unit === 'day' ? ` ${zone}` : ''}`,
    input: `${numerator} of ${denominator} ${unit}: ${spanText(part)} of ${spanText(whole)}`,
    output: `${numerator}/${denominator}`,
  }
  return { fraction: rational(numerator, denominator), numerator, denominator, basis, trace }
}

function spanText(span: Period): string {
  return `${formatInstant(span.from)}/${formatInstant(span.to)}`
}

function elapsed(part: Period, whole: Period): Measure {
  return { numerator: BigInt(durationMs(part)), denominator: BigInt(durationMs(whole)), unit: 'ms' }
}

/** Measures by differences of a position that never falls with time, so that parts add up whatever the cuts. */
function counted(position: (ms: number, zone: string) => number): Measuring {
  return (part, whole, { zone }) => {
    const days = (span: Period): number => position(span.to, zone) - position(span.from, zone)
    const all = days(whole)
    if (all === 0) return elapsed(part, whole)
    return { numerator: BigInt(days(part)), denominator: BigInt(all), unit: 'day' }
  }
}

/**
 * The last day that has begun. Not always the date that clocks show: where they go back from one minute
 * past midnight, they show the day before once more.
 */
function begunDay(ms: number, zone: string): Temporal.PlainDate {
  const date = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone).toPlainDate()
  const next = date.add({ days: 1 })
  return startOfDay(next, zone) <= ms ? next : date
}

/** The first day that begins at the instant or later. */
function firstDayFrom(ms: number, zone: string): Temporal.PlainDate {
  const day = begunDay(ms, zone)
  return startOfDay(day, zone) === ms ? day : day.add({ days: 1 })
}

/** Not always midnight: where clocks skip it the day begins later. */
function startOfDay(date: Temporal.PlainDate, zone: string): number {
  return date.toZonedDateTime(zone).epochMilliseconds
}

/** Days since the start of 1970. */
function dayNumber(date: Temporal.PlainDate): number {
  return date.since('1970-01-01').days
}

/** Days since the start of year 0 if months had 30. */
function dayNumber30({ year, month, day, daysInMonth }: Temporal.PlainDate): number {
  return 360 * year + 30 * (month - 1) + (day === daysInMonth ? 30 : Math.min(day, 30))
}
