import { DAY_MS, dayDigest, dayStart, sealDay } from '@vouch/proto/seal/day.ts'
import { MerkleHasher } from '@vouch/proto/seal/merkle.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import type { DayStore, StoredDay } from './day-store.ts'

/** What closing days works with. */
export interface CloseDeps {
  readonly store: DayStore
  readonly signer: Signer
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Time after the end of a day before it is closed, milliseconds. */
  readonly graceMs: number
}

/** A wrong clock may have stamped a batch in any year: the chain begins at most so many days back. */
const FIRST_DAYS_MAX = 400

/**
 * Closes the oldest day that is due: one day a call, the leaves before the root. A day without batches
 * is closed too, so that the chain has no holes. Undefined = nothing is due. Of two callers at once
 * one at a time may be here. Throws a FaultError: STORE_UNAVAILABLE, STORE_READ_ONLY, DISK_FULL.
 */
export async function closeNextDay(deps: CloseDeps): Promise<StoredDay | undefined> {
  const { store, signer, now, graceMs } = deps
  const last = await store.lastDay()
  const startMs = last === undefined ? await firstDay(store, now()) : last.startMs + DAY_MS
  if (startMs === undefined || now() < startMs + DAY_MS + graceMs) return undefined
  await store.collectLeaves(startMs)
  const tree = new MerkleHasher()
  for await (const page of store.leaves(startMs)) for (const digest of page) tree.add(digest)
  const previous = last === undefined ? new Uint8Array() : dayDigest(last.signed.dayRoot)
  const figures = { startMs, batches: tree.size, root: tree.root(), previousDigest: previous }
  const day = { ...figures, previous, signed: sealDay(figures, signer) }
  await store.addDay(day, now())
  return day
}

async function firstDay(store: DayStore, nowMs: number): Promise<number | undefined> {
  const firstMs = await store.firstReceivedMs()
  if (firstMs === undefined) return undefined
  return dayStart(Math.max(firstMs, nowMs - FIRST_DAYS_MAX * DAY_MS, 0))
}
