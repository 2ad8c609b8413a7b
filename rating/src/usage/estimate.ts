import { LOOKBACK_MS } from '@vouch/proto/kernel/estimate.ts'
import { cutByGrain } from '@vouch/proto/kernel/calendar-steps.ts'
import type { EstimateMethod } from '../rule/estimate.ts'
import { measuredPart } from './epoch-usage.ts'
import { type Interval, clip, subtract, union } from './interval.ts'
import type { StreamRecord } from './stream-usage.ts'

/** An hour of the local day that was measured from end to end stands in for a gap. */
export const REFERENCE_MS = 3_600_000

/** An hour that stands in for parts of a gap. */
export interface Reference {
  /** The stream that measured it. */
  readonly streamId: string
  readonly hour: Interval
  /** Ascending. */
  readonly periods: readonly Interval[]
}

/** Where streams have readings on both sides, covered or not. */
export function measuredIn(records: readonly StreamRecord[], period: Interval): Interval[] {
  return union(records.flatMap(({ epochs }) => epochs.flatMap((epoch) => measuredPart(epoch, period) ?? [])))
}

/** Where streams were sampled at cadence. */
export function sampledIn(records: readonly StreamRecord[], period: Interval): Interval[] {
  return union(
    records.flatMap(({ epochs }) =>
      epochs.flatMap((epoch) => {
        const part = measuredPart(epoch, period)
        if (part === undefined) return []
        return subtract([part], union(epoch.holes.map((hole) => clip(hole, part))))
      }),
    ),
  )
}

/** Where nothing was measured. */
export function unmeasuredIn(period: Interval, measured: readonly Interval[]): Interval[] {
  return subtract([period], measured)
}

/**
 * What stands in for a gap, by the hour that does. Parts of it for which no hour within {@link LOOKBACK_MS} before it was measured stay gaps.
 *
 * @param wanted The parts of it that are looked for, ascending.
 * @param known What was measured over that time at least, and when it was decided that something else counts.
 * @param zone IANA: hours are those of its days.
 */
export function referencesFor(
  gap: Interval,
  wanted: readonly Interval[],
  method: EstimateMethod,
  { records, decided }: { readonly records: readonly StreamRecord[]; readonly decided: readonly Interval[] },
  zone: string,
): Reference[] {
  const hours = measuredHours({ from: gap.from - LOOKBACK_MS, to: gap.from }, records, zone).filter(
    ({ hour }) => decided.every(({ from, to }) => to <= hour.from || hour.to <= from),
  )
  if (method === 'last-known') {
    const [latest] = hours
    return latest === undefined || wanted.length === 0 ? [] : [{ ...latest, periods: wanted }]
  }
  const cut = wanted.flatMap((part) => cutByGrain(part, 'hour', zone))
  const parts = Map.groupBy(cut, (part) => hourOfDay(part.from, zone))
  return [...parts].flatMap(([name, periods]) => {
    const latest = hours.find(({ hour }) => hourOfDay(hour.from, zone) === name)
    return latest === undefined ? [] : [{ ...latest, periods }]
  })
}

/** The hour of the local day, from 0 to 23. */
export function hourOfDay(ms: number, zone: string): number {
  return Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone).hour
}

/** Whole hours that one stream measured from end to end, the latest first. */
function measuredHours(
  window: Interval,
  records: readonly StreamRecord[],
  zone: string,
): { readonly streamId: string; readonly hour: Interval }[] {
  const known = records
    .map((record) => ({ streamId: record.stream.streamId, measured: measuredIn([record], window) }))
    .toSorted((a, b) => (a.streamId < b.streamId ? -1 : 1))
  return cutByGrain(window, 'hour', zone)
    .filter(({ from, to }) => to - from === REFERENCE_MS)
    .toReversed()
    .flatMap((hour) => {
      const whole = known.find(({ measured }) => subtract([hour], measured).length === 0)
      return whole === undefined ? [] : [{ streamId: whole.streamId, hour }]
    })
}
