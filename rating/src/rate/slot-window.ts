import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Interval } from '../usage/interval.ts'

/** The whole slots of a stretch that start in a period. */
export function slotWindow(period: Period, stretch: Period, slotMs: number): Interval {
  if (slotMs === 0) return { from: period.from, to: period.from }
  const slots = Math.floor((stretch.to - stretch.from) / slotMs)
  const first = Math.ceil((period.from - stretch.from) / slotMs)
  const after = Math.min(slots, Math.ceil((period.to - stretch.from) / slotMs))
  return { from: stretch.from + first * slotMs, to: stretch.from + after * slotMs }
}
