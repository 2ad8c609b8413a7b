/** A row of the log of policies. */
export interface LoggedPolicy {
  /** Epoch milliseconds. */
  readonly atMs: number
  /** False for the row before the tables change, true for the one after. */
  readonly applied: boolean
  /** Days of every class; 0 is for ever. */
  readonly readingsDays: readonly number[]
  readonly batchesDays: number
}

/** What may have been deleted: rows of before these instants, epoch milliseconds; 0 = none. */
export interface Expiry {
  /** Of a reading's time, whatever its class. */
  readonly readingsMs: number
  /** Of the last reading's time in a batch. */
  readonly batchesMs: number
}

const DAY_MS = 86_400_000
/** The engine counts the age of rows in whole seconds. */
const GRAIN_MS = 1_000

/** What may have expired by now under any policy that was in force, by the log in ascending order. */
export function expiryOf(log: readonly LoggedPolicy[], nowMs: number): Expiry {
  const [readings, batches] = [[0], [0]]
  for (const [index, { readingsDays, batchesDays }] of log.entries()) {
    // In force at most until the tables had changed to the next one.
    const endMs = log.slice(index + 1).find(({ applied }) => applied)?.atMs ?? nowMs
    const before = (days: number): number => endMs - days * DAY_MS + GRAIN_MS
    readings.push(...readingsDays.filter((days) => days > 0).map(before))
    if (batchesDays > 0) batches.push(before(batchesDays))
  }
  return { readingsMs: Math.max(...readings), batchesMs: Math.max(...batches) }
}
