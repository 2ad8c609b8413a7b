import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { type Boundary, type Reading, boundaryAt } from './boundary.ts'
import type { Interval } from './interval.ts'

/** The readings around an instant: the last one at or before it, and where none lies there, the first one after it. */
export interface Around {
  readonly before: Reading
  readonly after?: Reading | undefined
}

/** The readings of one epoch that matter for one period. */
export interface EpochRecord {
  /** Name of the epoch. */
  readonly epoch: bigint
  /** First reading of the epoch. */
  readonly firstMs: number
  /** Last reading of the epoch. */
  readonly lastMs: number
  /** Around the start of the period, or of the epoch if that is later. */
  readonly opening: Around
  /** Around the end of the period, or of the epoch if that is earlier. */
  readonly closing: Around
  /** Around the instants between both at which usage is cut, ascending. */
  readonly cuts: readonly (Around & { readonly atMs: number })[]
  /** Steps longer than the cadence explains: measured, place in time unknown. */
  readonly holes: readonly Interval[]
}

/** Usage within one epoch: closing − opening. */
export interface EpochUsage {
  readonly epoch: bigint
  readonly opening: Boundary
  readonly closing: Boundary
  /** At the cuts between them, ascending. */
  readonly cuts: readonly Boundary[]
  readonly quantity: bigint
}

/** The part of a period in which an epoch has readings on both sides; undefined where they only touch. */
export function measuredPart(
  epoch: { firstMs: number; lastMs: number },
  period: Interval,
): Interval | undefined {
  const from = Math.max(period.from, epoch.firstMs)
  const to = Math.min(period.to, epoch.lastMs)
  return from < to ? { from, to } : undefined
}

/** Usage of an epoch over a period; undefined where the epoch lies outside of it. Fault, thrown: USAGE_CONFLICT where its register falls. */
export function epochUsage(record: EpochRecord, period: Interval): EpochUsage | undefined {
  const part = measuredPart(record, period)
  if (part === undefined) return undefined
  const opening = boundaryAt(part.from, record.opening.before, record.opening.after)
  const closing = boundaryAt(part.to, record.closing.before, record.closing.after)
  const cuts = record.cuts.map(({ atMs, before, after }) => boundaryAt(atMs, before, after))
  const registers = [opening, ...cuts, closing].map(({ register }) => register)
  if (registers.some((register, i) => register < (registers[i - 1] ?? register)))
    throwFault(
      'USAGE_CONFLICT',
      `a register falls in epoch ${record.epoch}, between ${formatInstant(part.from)} and ${formatInstant(part.to)}`,
    )
  return { epoch: record.epoch, opening, closing, cuts, quantity: closing.register - opening.register }
}
