import { fail, ok } from './fault.ts'
import type { Result } from './fault.ts'
import { INSTANT_MAX_MS, formatInstant, isInstant, parseInstant } from './instant.ts'

export { INSTANT_MAX_MS, formatInstant, isInstant, parseInstant }

/** A half-open span of time [from, to) in epoch milliseconds; never empty. */
export interface Period {
  readonly from: number
  readonly to: number
}

const HOUR_MS = 3_600_000
/** About a century: more hours than that in one list are a mistake of the caller. */
const HOURS_MAX = 900_000

/** The period [from, to). Faults: INSTANT_INVALID, PERIOD_REVERSED. */
export function period(from: number, to: number): Result<Period> {
  if (!isInstant(from) || !isInstant(to)) {
    return fail('INSTANT_INVALID', `a period lies between 0 and ${INSTANT_MAX_MS} epoch milliseconds`)
  }
  if (to <= from) return fail('PERIOD_REVERSED', 'a period must end later than it begins')
  return ok({ from, to })
}

/** Reads both ends as RFC 3339. Faults: INSTANT_INVALID, PERIOD_REVERSED. */
export function parsePeriod(fromText: string, toText: string): Result<Period> {
  const from = parseInstant(fromText)
  if (!from.ok) return from
  const to = parseInstant(toText)
  return to.ok ? period(from.value, to.value) : to
}

/**
 * Reads the name of an IANA time zone, in its usual case whatever the case given; offsets are no zones.
 * Faults: ZONE_UNKNOWN.
 */
export function parseZone(text: string): Result<string> {
  if (/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(text)) {
    const zone = ifInRange(() => new Temporal.ZonedDateTime(0n, text).timeZoneId)
    if (zone !== undefined) return ok(zone)
  }
  return fail('ZONE_UNKNOWN', 'write an IANA time zone such as "Europe/Berlin"')
}

/** A calendar month (1 to 12) of the zone. Faults: ZONE_UNKNOWN, OUT_OF_RANGE. */
export function monthOf(zone: string, year: number, month: number): Result<Period> {
  return calendarPeriod(zone, [year, month, 1], { months: 1 })
}

/** A calendar day of the zone: 23 or 25 hours where clocks change. Faults: ZONE_UNKNOWN, OUT_OF_RANGE. */
export function dayOf(zone: string, year: number, month: number, day: number): Result<Period> {
  return calendarPeriod(zone, [year, month, day], { days: 1 })
}

/** The start of the UTC hour that holds the instant. */
export function hourStart(ms: number): number {
  return Math.floor(ms / HOUR_MS) * HOUR_MS
}

/** The starts of all UTC hours that the period touches, ascending. Throws beyond about a century. */
export function hours(span: Period): number[] {
  const first = hourStart(span.from)
  const count = (hourStart(span.to - 1) - first) / HOUR_MS + 1
  if (count > HOURS_MAX) throw new RangeError(`${count} hours are too many to list`)
  return Array.from({ length: count }, (_, index) => first + index * HOUR_MS)
}

/** Whether the instant lies in the period; its end does not. */
export function contains(span: Period, ms: number): boolean {
  return span.from <= ms && ms < span.to
}

/** What both periods have in common, or undefined. */
export function intersect(a: Period, b: Period): Period | undefined {
  const [from, to] = [Math.max(a.from, b.from), Math.min(a.to, b.to)]
  return from < to ? { from, to } : undefined
}

/** Whether the periods share an instant; touching ends do not. */
export function overlaps(a: Period, b: Period): boolean {
  return a.from < b.to && b.from < a.to
}

/** Length in milliseconds. */
export function durationMs(span: Period): number {
  return span.to - span.from
}

type CalendarDate = readonly [year: number, month: number, day: number]

function calendarPeriod(
  zone: string,
  date: CalendarDate,
  length: { months: 1 } | { days: 1 },
): Result<Period> {
  const timeZone = parseZone(zone)
  if (!timeZone.ok) return timeZone
  const [year, month, day] = date
  const span = ifInRange(() => {
    const first = new Temporal.PlainDate(year, month, day)
    // Start of day, not midnight: where clocks change at midnight the day begins at one.
    const [from, to] = [first, first.add(length)].map(
      (start) => start.toZonedDateTime({ timeZone: timeZone.value }).epochMilliseconds,
    )
    return from === undefined || to === undefined ? undefined : { from, to }
  })
  // Temporal truncates fractions; a date that is not whole is no date.
  if (span === undefined || !date.every(Number.isInteger)) {
    return fail('OUT_OF_RANGE', `there is no date ${date.join('-')}`)
  }
  const checked = period(span.from, span.to)
  return checked.ok ? checked : fail('OUT_OF_RANGE', 'dates are kept from 1970 to 9999')
}

function ifInRange<T>(compute: () => T): T | undefined {
  try {
    return compute()
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}
