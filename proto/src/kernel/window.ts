import { INSTANT_MAX_MS } from './period.ts'
import type { Period } from './period.ts'

/** Stretches of time that several documents may fall into. */
export const WINDOWS = ['quarter', 'year', 'contract-year'] as const

/** One of them: of the calendar, or a year since the contract began. */
export type WindowName = (typeof WINDOWS)[number]

/** Whether a text names a window. */
export function isWindowName(text: unknown): text is WindowName {
  return WINDOWS.some((name) => name === text)
}

/**
 * The window that holds an instant, cut to the years that can be kept. Quarters and years begin at the start of their first
 * day in the zone. Years of a contract begin at the local time at which it began; of a contract that began on a 29th of
 * February, on the 28th where there is none. `contractFromMs` is not after the instant. Throws where the zone is unknown.
 */
export function windowAt(
  name: WindowName,
  atMs: number,
  { zone, contractFromMs }: { readonly zone: string; readonly contractFromMs: number },
): Period {
  if (name === 'contract-year') return contractYear(local(contractFromMs, zone), local(atMs, zone))
  const { year, month } = local(atMs, zone)
  const months = name === 'year' ? 12 : 3
  const first = Temporal.PlainDate.from({ year, month: month - ((month - 1) % months), day: 1 })
  const [from, to] = [first, first.add({ months })].map((day) => day.toZonedDateTime(zone))
  return kept(from!, to!)
}

/** Cuts a period at the edges of these windows; the parts cover it exactly. */
export function cutAtWindows(
  period: Period,
  names: readonly WindowName[],
  place: { readonly zone: string; readonly contractFromMs: number },
): Period[] {
  const parts: Period[] = []
  for (let { from } = period; from < period.to; from = parts.at(-1)!.to) {
    const ends = names.map((name) => windowAt(name, from, place).to)
    parts.push({ from, to: Math.min(period.to, ...ends) })
  }
  return parts
}

function contractYear(start: Temporal.ZonedDateTime, at: Temporal.ZonedDateTime): Period {
  const after = (years: number): Temporal.ZonedDateTime => start.add({ years })
  const apart = at.year - start.year
  const years = Temporal.ZonedDateTime.compare(after(apart), at) <= 0 ? apart : apart - 1
  return kept(after(years), after(years + 1))
}

function local(ms: number, zone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone)
}

function kept(from: Temporal.ZonedDateTime, to: Temporal.ZonedDateTime): Period {
  return {
    from: Math.max(0, from.epochMilliseconds),
    to: Math.min(INSTANT_MAX_MS, to.epochMilliseconds),
  }
}
