import type { Trail } from '@vouch/proto/gen/vouch/audit/v1/audit_pb.ts'
import { equalBytes, toHex } from '@vouch/proto/kernel/bytes.ts'
import { DAY_MS, dayDigest, openDay } from '@vouch/proto/seal/day.ts'
import { inclusionHolds } from '@vouch/proto/seal/merkle.ts'
import type { CheckedBatches } from './batches.ts'
import { mismatch, uniqueIndex } from './mismatch.ts'
import type { CollectorKeys } from './trail.ts'

/** What the trail shows of days. */
export interface DaysShown {
  /** Signed roots in hexadecimal, by day. */
  readonly roots: ReadonlyMap<string, string>
  /** Day of each batch that is under a root, by the batch's digest. */
  readonly dayOf: ReadonlyMap<string, string>
}

type OpenedDay = Extract<ReturnType<typeof openDay>, { readonly ok: true }>['value']

/** Checks the signed roots, and that each batch said to be under one is. */
export function checkInclusions(trail: Trail, batches: CheckedBatches, keys: CollectorKeys): DaysShown {
  const days = checkDays(trail.days, keys)
  const dayOf = new Map<string, string>()
  uniqueIndex('inclusions', trail.inclusions, ({ batchDigest }) => toHex(batchDigest))
  for (const [i, { batchDigest, day, leafIndex, path }] of trail.inclusions.entries()) {
    const own = `inclusions[${i}]`
    if (!batches.has(toHex(batchDigest)))
      mismatch(`${own}.batchDigest`, 'the trail has no batch of this digest')
    const root = days.get(day)
    if (root === undefined) return mismatch(`${own}.day`, `the trail has no root of ${day}`)
    const place = { index: leafIndex, size: root.batches }
    if (!inclusionHolds(batchDigest, place, path, root.root))
      mismatch(`${own}.path`, `does not lead from leaf ${leafIndex} to the root of ${day}`)
    dayOf.set(toHex(batchDigest), day)
  }
  const used = new Set(dayOf.values())
  const idle = [...days.keys()].findIndex((day) => !used.has(day))
  if (idle >= 0) mismatch(`days[${idle}]`, 'is the root of no batch of the trail')
  return { roots: new Map([...days].map(([day, { root }]) => [day, toHex(root)])), dayOf }
}

function checkDays(signed: Trail['days'], keys: CollectorKeys): ReadonlyMap<string, OpenedDay> {
  const days = new Map<string, OpenedDay>()
  let before: { readonly startMs: number; readonly digest: Uint8Array } | undefined
  for (const [i, day] of signed.entries()) {
    const path = `days[${i}]`
    const opened = openDay(day, keys.use(`${path}.keyId`, day.keyId))
    if (!opened.ok) mismatch(path, opened.fault.message)
    const { startMs, previousDigest } = opened.value
    if (before !== undefined && startMs <= before.startMs) mismatch(path, 'does not follow the day before it')
    if (before?.startMs === startMs - DAY_MS && !equalBytes(previousDigest, before.digest))
      mismatch(path, 'does not name the digest of the day before it')
    before = { startMs, digest: dayDigest(day.dayRoot) }
    days.set(opened.value.day, opened.value)
  }
  return days
}
