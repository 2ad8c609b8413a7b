import { type Fault, type Result, fail, failures, ok } from '@vouch/proto/kernel/fault.ts'
import { nearest } from '@vouch/proto/kernel/nearest.ts'
import { type Period, parseZone } from '@vouch/proto/kernel/period.ts'

/** The days of a week in the order of ISO 8601. */
export const WEEKDAYS = [
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
  'sunday',
] as const

/** A day of the week. */
export type Weekday = (typeof WEEKDAYS)[number]

/**
 * Times that recur by the clock on the wall. An instant is in the window when the zone's local date and
 * time at it are. So where clocks skip an hour a window of that hour has no instant, and where they
 * repeat one the window has both.
 */
export interface Window {
  /** May occur several times: a morning and an evening of one price. */
  readonly name: string
  /** Weekdays it begins on. Without `days` and `dates` it begins on every day. */
  readonly days?: readonly Weekday[]
  /** Local time "08:00" of its start, included; "00:00" if not given. */
  readonly from?: string
  /** Local time of its end, not included; "24:00" if not given. Before `from` it is on the next day. */
  readonly to?: string
  /** Dates such as "2026-12-25" it begins on whatever their weekday, beside its `days`. */
  readonly dates?: readonly string[]
}

/** A stretch of a period in one window. */
export interface WindowPart {
  readonly period: Period
  /** Name of the window. */
  readonly window: string
}

/** A window in numbers. */
interface Schedule {
  readonly name: string
  /** Local milliseconds of the day. */
  readonly from: number
  /** At most DAY_MS; less than `from` when it ends on the next day. */
  readonly to: number
  /** By the day's number, days since the start of 1970. */
  readonly holdsOn: (day: number) => boolean
}

/** A stretch of a day that one window has, from a time of day to that of the next one. */
interface Slot {
  readonly from: number
  readonly window: string
}

const DAY_MS = 86_400_000
const PARTS_MAX = 100_000
/** About a century. */
const DAYS_MAX = 36_600
const WINDOWS_MAX = 100
const DATES_MAX = 1000

/**
 * Cuts a period at every change of window, in the zone; what no window holds has the name `otherwise`.
 * The first window that matches wins. Parts are maximal, in order, and cover the period exactly.
 * Faults: TARIFF_INVALID with those of `checkWindows` in `causes`; ZONE_UNKNOWN;
 * OUT_OF_RANGE beyond 100,000 parts or 36,600 days.
 */
export function cutByWindows(
  period: Period,
  windows: readonly Window[],
  otherwise: string,
  zone: string,
): Result<readonly WindowPart[]> {
  const causes = checkWindows(windows)
  if (causes.length > 0) return failures('TARIFF_INVALID', 'windows: ', causes)
  const timeZone = parseZone(zone)
  if (!timeZone.ok) return timeZone
  if (period.to - period.from > DAYS_MAX * DAY_MS) {
    return fail('OUT_OF_RANGE', `a period of more than ${DAYS_MAX} days is too long to cut by windows`)
  }
  const slotsOf = daySlots(windows.map(readWindow), otherwise)
  const parts: { period: { from: number; to: number }; window: string }[] = []
  for (const { from, to, offset, firstDay } of steadyClocks(period, timeZone.value)) {
    for (let day = firstDay; day * DAY_MS - offset < to; day += 1) {
      const midnight = day * DAY_MS - offset
      const slots = slotsOf(day)
      for (const [index, slot] of slots.entries()) {
        const start = Math.max(from, midnight + slot.from)
        const end = Math.min(to, midnight + (slots[index + 1]?.from ?? DAY_MS))
        if (start >= end) continue
        const last = parts.at(-1)
        if (last?.window === slot.window) last.period.to = end
        else parts.push({ period: { from: start, to: end }, window: slot.window })
      }
      if (parts.length > PARTS_MAX) {
        return fail('OUT_OF_RANGE', `windows cut the period into more than ${PARTS_MAX} parts`)
      }
    }
  }
  return ok(parts)
}

/** All that is wrong with windows, each with a JSON pointer into the list: TARIFF_INVALID. */
export function checkWindows(windows: readonly Window[]): readonly Fault[] {
  if (windows.length > WINDOWS_MAX) return [invalid('', `there can be at most ${WINDOWS_MAX} windows`)]
  return windows.flatMap((window, index) => [
    ...(window.name === '' ? [invalid(`/${index}/name`, 'a window needs a name')] : []),
    ...checkDays(window, `/${index}`),
    ...checkTimes(window, `/${index}`),
  ])
}

function checkDays({ days, dates }: Window, pointer: string): Fault[] {
  const faults: Fault[] = []
  if (days?.length === 0) faults.push(invalid(`${pointer}/days`, 'name at least one day, or leave it out'))
  if (dates?.length === 0) faults.push(invalid(`${pointer}/dates`, 'name at least one date, or leave it out'))
  days?.forEach((day, index) => {
    if (WEEKDAYS.includes(day)) return
    const suggestion = nearest(day, WEEKDAYS)
    const hint =
      suggestion === undefined ? 'write a weekday such as "monday"' : `did you mean "${suggestion}"?`
    faults.push(invalid(`${pointer}/days/${index}`, `there is no weekday "${day}"; ${hint}`))
  })
  if (dates !== undefined && dates.length > DATES_MAX) {
    return [...faults, invalid(`${pointer}/dates`, `a window has at most ${DATES_MAX} dates`)]
  }
  dates?.forEach((date, index) => {
    if (dayNumber(date) === undefined) {
      faults.push(invalid(`${pointer}/dates/${index}`, 'write a date such as "2026-12-25"'))
    }
  })
  return faults
}

function checkTimes({ from = '00:00', to = '24:00' }: Window, pointer: string): Fault[] {
  const faults: Fault[] = []
  const [start, end] = [timeOfDay(from), timeOfDay(to)]
  if (start === undefined || start === DAY_MS) {
    faults.push(invalid(`${pointer}/from`, 'write a local time from "00:00" to "23:59"'))
  }
  if (end === undefined) faults.push(invalid(`${pointer}/to`, 'write a local time from "00:00" to "24:00"'))
  if (start !== undefined && start === end && start < DAY_MS) {
    faults.push(
      invalid(`${pointer}/to`, 'a window must not end when it begins; all day is "00:00" to "24:00"'),
    )
  }
  return faults
}

function invalid(pointer: string, message: string): Fault {
  return { code: 'TARIFF_INVALID', message, pointer }
}

const TIME = /^([01]\d|2[0-3]):[0-5]\d$/

/** Milliseconds of "08:00" since midnight by the clock. */
function timeOfDay(text: string): number | undefined {
  if (text === '24:00') return DAY_MS
  return TIME.test(text) ? Temporal.PlainTime.from(text).since('00:00').total('milliseconds') : undefined
}

/** Days of a date since the start of 1970. */
function dayNumber(date: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(date)) return undefined
  try {
    return Temporal.PlainDate.from(date).since('1970-01-01').days
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function readWindow({ name, days, from = '00:00', to = '24:00', dates }: Window): Schedule {
  const numbers = new Set(dates?.map(dayNumber))
  const weekdays = new Set(days?.map((day) => WEEKDAYS.indexOf(day)))
  const always = days === undefined && dates === undefined
  return {
    name,
    from: timeOfDay(from) ?? 0,
    to: timeOfDay(to) ?? DAY_MS,
    holdsOn: (day) => always || numbers.has(day) || weekdays.has(weekdayOf(day)),
  }
}

/** 0 for a Monday, from Monday, 29 December 1969, on. */
function weekdayOf(day: number): number {
  return (day + 3) % 7
}

/** The slots of a day by its number. Days on which the same windows hold share them. */
function daySlots(windows: readonly Schedule[], otherwise: string): (day: number) => readonly Slot[] {
  const edges = new Set([0, ...windows.flatMap(({ from, to }) => [from, to])])
  const starts = [...edges].filter((edge) => edge < DAY_MS).toSorted((a, b) => a - b)
  const known = new Map<string, readonly Slot[]>()
  return (day) => {
    const began = windows.map((window) => [window.holdsOn(day - 1), window.holdsOn(day)] as const)
    const key = began.map(([before, now]) => (before ? 2 : 0) + (now ? 1 : 0)).join('')
    const found = known.get(key)
    if (found !== undefined) return found
    const slots = starts.map((from) => {
      const holder = windows.find((window, index) => holds(window, from, began[index]))
      return { from, window: holder?.name ?? otherwise }
    })
    known.set(key, slots)
    return slots
  }
}

function holds(
  { from, to }: Schedule,
  time: number,
  [before, now]: readonly [before: boolean, now: boolean] = [false, false],
): boolean {
  if (from < to) return now && from <= time && time < to
  return (now && from <= time) || (before && time < to)
}

/** A stretch of a period in which the zone's offset does not change. */
interface SteadyClock extends Period {
  /** What clocks are ahead of UTC, in milliseconds. */
  readonly offset: number
  /** Number of the local day on which it begins. */
  readonly firstDay: number
}

function* steadyClocks(period: Period, zone: string): Generator<SteadyClock> {
  let from = period.from
  while (from < period.to) {
    const local = Temporal.Instant.fromEpochMilliseconds(from).toZonedDateTimeISO(zone)
    const change = local.getTimeZoneTransition('next')?.epochMilliseconds ?? period.to
    const to = Math.min(period.to, change)
    const firstDay = local.toPlainDate().since('1970-01-01').days
    yield { from, to, offset: local.offsetNanoseconds / 1_000_000, firstDay }
    from = to
  }
}
