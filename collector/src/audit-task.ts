import { FaultError } from '@vouch/proto/kernel/fault.ts'
import { formatDay } from '@vouch/proto/seal/day.ts'
import type { Pool } from 'pg'
import { closeNextDay } from './audit/close.ts'
import type { CloseDeps } from './audit/close.ts'
import type { StoredDay } from './audit/day-store.ts'
import type { Clock, Logger } from './ports.ts'
import { withAuditLock } from './postgres/audit-lock.ts'

/** Between two looks whether a day is due. */
const LOOK_MS = 60_000

/** What the task works with. */
export interface AuditTaskParts extends Omit<CloseDeps, 'now'> {
  readonly pool: Pool
  readonly clock: Clock
  readonly logger: Logger
  /** Start of the last day that has a root, epoch milliseconds. */
  readonly closed: (startMs: number) => void
}

/** Closes days as they fall due, missed ones one after another, until it is stopped. */
export function startAuditTask(parts: AuditTaskParts): { readonly stop: () => Promise<void> } {
  const stopping = new AbortController()
  const { signal } = stopping
  const loop = (async () => {
    while (!signal.aborted) {
      const again = await step(parts)
      if (!again && !signal.aborted) await parts.clock.sleep(LOOK_MS, signal)
    }
  })()
  return {
    stop: async () => {
      stopping.abort()
      await loop
    },
  }
}

/** Closes one day under the lock. Undefined where nothing is due or another collector is at it. */
export async function closeDay(parts: CloseDeps & { readonly pool: Pool }): Promise<StoredDay | undefined> {
  return withAuditLock(parts.pool, () => closeNextDay(parts))
}

/** True where there may be more to do at once. */
async function step({ clock, logger, closed, ...parts }: AuditTaskParts): Promise<boolean> {
  try {
    const day = await closeDay({ ...parts, now: clock.now })
    if (day === undefined) {
      const last = await parts.store.lastDay()
      if (last !== undefined) closed(last.startMs)
      return false
    }
    closed(day.startMs)
    logger.info({ day: formatDay(day.startMs), batches: day.batches }, 'day closed')
    return true
  } catch (error) {
    if (!(error instanceof FaultError)) throw error
    logger.warn({ fault: error.fault }, 'day not closed, trying again')
    return false
  }
}
