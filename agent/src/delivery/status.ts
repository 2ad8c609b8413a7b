/** What waits in a spool. */
export interface Backlog {
  readonly batches: number
  /** Octets. */
  readonly bytes: number
}

/** A collector hears of the agent at least so often, milliseconds. */
export const STATUS_INTERVAL_MS = 60_000

/** Two statuses lie at least so far apart, milliseconds: a spool that drains changes with every receipt. */
const STATUS_PAUSE_MS = 5_000

/** A change by fewer batches than this is none. */
const BATCHES_CHANGED_MIN = 10

/** Whether the backlog differs so much from the one last told that the collector should hear of it before the interval is over. */
export function isStatusDue(told: Backlog, now: Backlog, sinceMs: number): boolean {
  if (sinceMs < STATUS_PAUSE_MS) return false
  const changed = Math.abs(now.batches - told.batches)
  return changed >= BATCHES_CHANGED_MIN && changed * 2 >= Math.max(now.batches, told.batches)
}
