import type { SignedDayRoot } from '@vouch/proto/gen/vouch/audit/v1/audit_pb.ts'

/** A day as stored. */
export interface StoredDay {
  /** Start of the UTC day, epoch milliseconds. */
  readonly startMs: number
  readonly signed: SignedDayRoot
  /** Columns beside the message, which must say the same. */
  readonly batches: number
  readonly root: Uint8Array
  readonly previous: Uint8Array
}

/** Roots of days and their leaves. Every method throws a FaultError: STORE_UNAVAILABLE, STORE_READ_ONLY, DISK_FULL. */
export interface DayStore {
  /** The newest day with a root. */
  lastDay(): Promise<StoredDay | undefined>
  /** When the first archived batch was received, epoch milliseconds. */
  firstReceivedMs(): Promise<number | undefined>
  /** Puts every batch received before the end of the day, and in no earlier day, under it. Safe to repeat. */
  collectLeaves(startMs: number): Promise<void>
  /** Digests under a day in ascending order, in pages. */
  leaves(startMs: number): AsyncIterable<readonly Uint8Array[]>
  /** Stores a root; returns when it is durable. Safe to repeat. */
  addDay(day: StoredDay, closedMs: number): Promise<void>
}
