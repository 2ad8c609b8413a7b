import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'

/** Refuses a period of which nothing can have been used yet. Fault: PERIOD_OPEN. */
export function checkBegun({ from }: Period, nowMs: number, pointer: string): void {
  if (from > nowMs)
    throwFault('PERIOD_OPEN', `it begins at ${formatInstant(from)}; nothing is used of it yet`, { pointer })
}
