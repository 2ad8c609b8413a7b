import { type Result, fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { cutByWindows } from '../tariff/calendar-windows.ts'
import { cutByGrain } from '@vouch/proto/kernel/calendar-steps.ts'
import type { UsageRule } from './usage.ts'

/** A measurement is cut at most so often: each cut is two readings in the evidence of every stream. */
export const CUTS_MAX = 2000

const GRAIN_MS = { hour: 3_600_000, day: 86_400_000 } as const

/** The instants at which a rule itself cuts usage of a stretch, some of them outside of it. Faults: those of windows, OUT_OF_RANGE. */
export function cutsOf(
  { effective, price, grain }: Pick<UsageRule, 'effective' | 'price' | 'grain'>,
  stretch: Period,
  zone: string,
): Result<number[]> {
  const edges = effective === undefined ? [] : [effective.from, effective.to]
  // Before centuries are cut into hours.
  if (grain !== undefined && stretch.to - stretch.from > CUTS_MAX * GRAIN_MS[grain])
    return fail(
      'OUT_OF_RANGE',
      `the stretch has more than ${CUTS_MAX} cuts by ${grain}: rate a shorter period`,
    )
  if (grain !== undefined) edges.push(...cutByGrain(stretch, grain, zone).map(({ from }) => from))
  if (price.by !== 'window') return ok(edges)
  const parts = cutByWindows(stretch, price.windows, price.otherwise, zone)
  return parts.ok ? ok([...edges, ...parts.value.map(({ period }) => period.from)]) : parts
}
