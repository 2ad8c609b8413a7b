import type { Period } from './period.ts'

/** Steps of the local calendar in which entries are taken. */
export const GRAINS = ['hour', 'day'] as const

/** Steps of the local calendar for reports. */
export type Step = Grain | 'month' | 'year'

/** One of them. */
export type Grain = (typeof GRAINS)[number]

const HOUR_MS = 3_600_000

/**
 * Cuts a period at every local midnight of the zone, and for hours at every hour since; the parts cover it exactly. A day has the 23 to 25
 * hours that it has; where clocks change by less than an hour, the last hour of the day is shorter.
 */
export function cutByGrain(period: Period, grain: Grain, zone: string): Period[] {
  const parts: Period[] = []
  let day = Temporal.Instant.fromEpochMilliseconds(period.from).toZonedDateTimeISO(zone).startOfDay()
  while (day.epochMilliseconds < period.to) {
    const next = day.add({ days: 1 }).startOfDay()
    const step = grain === 'day' ? next.epochMilliseconds - day.epochMilliseconds : HOUR_MS
    for (let from = day.epochMilliseconds; from < next.epochMilliseconds; from += step) {
      const to = Math.min(from + step, next.epochMilliseconds, period.to)
      const start = Math.max(from, period.from)
      if (start < to) parts.push({ from: start, to })
    }
    day = next
  }
  return parts
}

/** Cuts a period by steps of the local calendar; the parts cover it exactly. */
export function cutBySteps(period: Period, step: Step, zone: string): Period[] {
  if (step === 'hour' || step === 'day') return cutByGrain(period, step, zone)
  const parts: Period[] = []
  const first = Temporal.Instant.fromEpochMilliseconds(period.from).toZonedDateTimeISO(zone)
  let start = first.with(step === 'year' ? { month: 1, day: 1 } : { day: 1 }).startOfDay()
  while (start.epochMilliseconds < period.to) {
    const next = start.add(step === 'year' ? { years: 1 } : { months: 1 }).startOfDay()
    const from = Math.max(start.epochMilliseconds, period.from)
    parts.push({ from, to: Math.min(next.epochMilliseconds, period.to) })
    start = next
  }
  return parts
}
