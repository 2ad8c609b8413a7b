import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'

/** A day of the week. */
export type Weekday = (typeof WEEKDAYS)[number]

/** A part of days in which a price of its own holds. */
export interface Window {
  readonly name: string
  /** The days on which it begins; undefined = every day, unless dates are given. */
  readonly days?: readonly Weekday[]
  /** Local times; from the start to the end of the day where they are not given. An end before the start lies on the next day. */
  readonly from?: string
  readonly to?: string
  /** Dates on which it begins, whatever the day of the week. */
  readonly dates?: readonly string[]
}

/** A part of a period, and the window that it lies in. */
export interface WindowPart {
  readonly period: Period
  readonly window: string
}

const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
const TIME = /^(?:([01]\d|2[0-3]):([0-5]\d)|24:00)$/
const DATE = /^\d{4}-\d\d-\d\d$/
const PARTS_MAX = 100_000
const DAY_MS = 86_400_000
const DAY_MINUTES = 1_440

/** What is wrong with windows, all at once, each with its JSON pointer. Faults: TARIFF_INVALID. */
export function checkWindows(windows: readonly Window[]): readonly Fault[] {
  const names = windows.map(({ name }) => name)
  return windows.flatMap((window, index) => {
    const faults: Fault[] = []
    const refuse = (member: string, message: string): void =>
      void faults.push(fail('TARIFF_INVALID', message, { pointer: `/${index}/${member}` }).fault)
    for (const member of ['from', 'to'] as const)
      if (window[member] !== undefined && !TIME.test(window[member]))
        refuse(member, 'write a local time such as "08:00"; a day ends at "24:00"')
    if (window.from === '24:00') refuse('from', 'a window begins before 24:00')
    if (minutesOf(window.from, 0) === minutesOf(window.to, DAY_MINUTES)) refuse('to', 'a window has a length')
    ;(window.dates ?? []).forEach((date, at) => {
      if (!isDate(date)) refuse(`dates/${at}`, 'write a date such as "2026-12-25"')
    })
    if (names.indexOf(window.name) < index) refuse('name', `the window ${window.name} is there already`)
    return faults
  })
}

/**
 * Cuts a period at every change of window, in the zone: the first window that matches counts, and what none holds has the name
 * `otherwise`. Parts are as long as can be, in order, and are the period together. A local time that the clocks skip is the
 * instant of the change; one that comes twice begins a window at its first and ends it at its last instant.
 * Faults: OUT_OF_RANGE beyond 100,000 parts.
 */
export function cutByWindows(
  period: Period,
  windows: readonly Window[],
  otherwise: string,
  zone: string,
): Result<readonly WindowPart[]> {
  if ((period.to - period.from) / DAY_MS > PARTS_MAX / 2)
    return fail('OUT_OF_RANGE', 'the period is too long to be cut by times of day')
  const spans = spansOf(period, windows, zone)
  const edges = new Set([period.from, ...spans.flatMap(({ from, to }) => [from, to])])
  const starts = [...edges].filter((ms) => ms >= period.from && ms < period.to).toSorted((a, b) => a - b)
  const parts: { period: Period; window: string }[] = []
  for (const [index, from] of starts.entries()) {
    const to = starts[index + 1] ?? period.to
    const window = spans.find((span) => span.from <= from && from < span.to)?.window ?? otherwise
    const last = parts.at(-1)
    if (last?.window === window) last.period = { from: last.period.from, to }
    else parts.push({ period: { from, to }, window })
  }
  return parts.length > PARTS_MAX
    ? fail('OUT_OF_RANGE', `times of day cut the period into more than ${PARTS_MAX} parts`)
    : ok(parts)
}

interface Span extends Period {
  readonly window: string
}

/** When each window holds, in the order in which windows count. */
function spansOf(period: Period, windows: readonly Window[], zone: string): Span[] {
  const dateAt = (ms: number): Temporal.PlainDate =>
    Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone).toPlainDate()
  // A window that began the day before may reach over midnight.
  const [first, last] = [dateAt(period.from).subtract({ days: 1 }), dateAt(period.to - 1)]
  const count = first.until(last, { largestUnit: 'days' }).days + 1
  const dates = Array.from({ length: count }, (_, days) => first.add({ days }))
  return windows.flatMap((window) => {
    const [begin, end] = [minutesOf(window.from, 0), minutesOf(window.to, DAY_MINUTES)]
    return dates
      .filter((date) => beginsOn(window, date))
      .map((date) => ({
        window: window.name,
        from: instantOf(date, begin, zone, 'earlier'),
        to: instantOf(date, end <= begin ? end + DAY_MINUTES : end, zone, 'later'),
      }))
      .filter((span) => span.from < period.to && period.from < span.to)
  })
}

function beginsOn({ days, dates }: Window, date: Temporal.PlainDate): boolean {
  if (dates?.includes(date.toString()) === true) return true
  if (days === undefined) return dates === undefined
  return days.includes(WEEKDAYS[date.dayOfWeek - 1]!)
}

/** Midnight is the start of a day, also where clocks skip it. */
function instantOf(
  date: Temporal.PlainDate,
  minutes: number,
  zone: string,
  which: 'earlier' | 'later',
): number {
  const day = minutes < DAY_MINUTES ? date : date.add({ days: 1 })
  const minute = minutes % DAY_MINUTES
  if (minute === 0) return day.toZonedDateTime(zone).epochMilliseconds
  const local = day.toPlainDateTime(new Temporal.PlainTime()).add({ minutes: minute })
  const [earlier, later] = (['earlier', 'later'] as const).map((disambiguation) =>
    local.toZonedDateTime(zone, { disambiguation }),
  )
  // Of a time that is skipped both are on the far side of the change, an hour before and after it as clocks show it.
  const isSkipped = !earlier!.toPlainDateTime().equals(local)
  if (isSkipped) return earlier!.getTimeZoneTransition('next')?.epochMilliseconds ?? later!.epochMilliseconds
  return (which === 'earlier' ? earlier! : later!).epochMilliseconds
}

function minutesOf(time: string | undefined, otherwise: number): number {
  if (time === undefined) return otherwise
  const [hours = '0', minutes = '0'] = time.split(':')
  return Number.parseInt(hours, 10) * 60 + Number.parseInt(minutes, 10)
}

function isDate(text: string): boolean {
  if (!DATE.test(text)) return false
  try {
    return Temporal.PlainDate.from(text, { overflow: 'reject' }).toString() === text
  } catch {
    return false
  }
}
