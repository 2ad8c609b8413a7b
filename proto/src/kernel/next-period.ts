import { durationMs } from './period.ts'
import type { Period } from './period.ts'

/**
 * Where periods that follow each other begin, counted from the one given: 0 is its start, 1 its end. Each has as many whole months where
 * it has, else as many whole days of the zone, else the same length. Months that begin on a day that some lack begin on their last one:
 * from January 31 on they end on February 28, March 31, April 30.
 */
export function startsOf(period: Period, zone: string): (count: number) => number {
  const [from, to] = [localOf(period.from, zone), localOf(period.to, zone)]
  // Clocks may skip the time of day on one of both dates.
  const isAt = (time: Temporal.PlainTime): boolean =>
    instantOf(from.toPlainDate(), time, zone) === period.from &&
    instantOf(to.toPlainDate(), time, zone) === period.to
  const time = [from.toPlainTime(), to.toPlainTime()].find(isAt)
  if (time === undefined) return (count) => period.from + count * durationMs(period)
  const months = 12 * (to.year - from.year) + to.month - from.month
  const day = Math.max(from.day, to.day)
  const isMonthly = months > 0 && [from, to].every((end) => end.day === Math.min(day, end.daysInMonth))
  if (isMonthly)
    return (count) => {
      const month = from
        .toPlainDate()
        .toPlainYearMonth()
        .add({ months: count * months })
      return instantOf(month.toPlainDate({ day }), time, zone)
    }
  const { days } = from.toPlainDate().until(to.toPlainDate())
  if (days === 0) return (count) => period.from + count * durationMs(period)
  return (count) => instantOf(from.toPlainDate().add({ days: count * days }), time, zone)
}

/** The period after one. */
export function nextPeriod(period: Period, zone: string): Period {
  return { from: period.to, to: startsOf(period, zone)(2) }
}

/** Which of the periods that begin at `start` holds an instant that is not before them, from 0. */
export function periodAt(ms: number, start: (count: number) => number): number {
  let [low, high] = [0, 1]
  while (start(high) <= ms) [low, high] = [high, 2 * high]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (start(middle) <= ms) low = middle
    else high = middle
  }
  return low
}

function localOf(ms: number, zone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone)
}

function instantOf(date: Temporal.PlainDate, plainTime: Temporal.PlainTime, timeZone: string): number {
  return date.toZonedDateTime({ timeZone, plainTime }).epochMilliseconds
}
