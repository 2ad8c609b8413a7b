import { durationMs, intersect } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { multiply, rational } from '@vouch/proto/kernel/rational.ts'
import type { Dimensions, Usage } from './types.ts'

/** Which usage a rule is about: of any of these meters, and with these values where they are named. */
export interface Selector {
  readonly meters: readonly string[]
  readonly dimensions: Dimensions
}

/** Whether a rule is about usage, a level or a series. */
export function selects(
  { meters, dimensions }: Selector,
  fact: { readonly meter: string; readonly dimensions: Dimensions },
): boolean {
  return meters.includes(fact.meter) && matches(dimensions, fact.dimensions)
}

/** Whether all wanted values are there. */
export function matches(wanted: Dimensions, present: Dimensions): boolean {
  return Object.entries(wanted).every(([name, value]) => present[name] === value)
}

/**
 * The part of usage that lies in a period. What reaches over its ends is split by time, exactly, so that the parts
 * of consecutive periods sum to the whole.
 *
 * @param whole of what is no sum over time, such as a peak: each part has the whole quantity.
 */
export function within(usage: Usage, period: Period, whole = false): Usage | undefined {
  const common = intersect(usage.period, period)
  if (common === undefined) return undefined
  if (common.from === usage.period.from && common.to === usage.period.to) return usage
  if (whole) return { ...usage, period: common }
  const share = rational(BigInt(durationMs(common)), BigInt(durationMs(usage.period)))
  return { ...usage, period: common, quantity: multiply(usage.quantity, share) }
}
