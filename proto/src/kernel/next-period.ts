import { durationMs } from './period.ts'
import type { Period } from './period.ts'

/** The period after one: so many months where it is whole months of the zone, from whatever day; the same length otherwise. */
export function nextPeriod(period: Period, zone: string): Period {
  const [from, to] = [period.from, period.to].map((ms) =>
    Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone),
  ) as [Temporal.ZonedDateTime, Temporal.ZonedDateTime]
  const { months } = from.until(to, { largestUnit: 'months' })
  const isWhole = months > 0 && from.add({ months }).equals(to)
  const end = isWhole ? to.add({ months }).epochMilliseconds : period.to + durationMs(period)
  return { from: period.to, to: end }
}
