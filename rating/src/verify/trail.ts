import { type Trail, TrailSchema } from '@vouch/proto/gen/vouch/audit/v1/audit_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { FaultError, type Result, ok } from '@vouch/proto/kernel/fault.ts'
import { keyId } from '@vouch/proto/seal/seal.ts'
import { TRAIL_FORMAT, trailSealValid } from '@vouch/proto/seal/trail.ts'
import { type CheckedBatches, checkBatches, checkKeys } from './batches.ts'
import { type ChainSummary, checkChain } from './chain.ts'
import { mismatch, present, same, sameBytes, uniqueIndex } from './mismatch.ts'
import { readDocument } from './proof-file.ts'
import { checkStreams, decodeBatches } from './readings.ts'
import { type DaysShown, checkInclusions } from './trail-days.ts'
import { checkTrailReadings } from './trail-readings.ts'
import { type Coverage, checkReceipts } from './trail-receipts.ts'
import { periodOf } from './usage.ts'
import type { Trust } from './verify.ts'

/** A trail in which everything fits. */
export interface VerifiedTrail {
  readonly trail: Trail
  /** By digest. */
  readonly batches: CheckedBatches
  readonly chain: readonly ChainSummary[]
  /** The receipt of each batch, by digest; none where no receipt covers it. */
  readonly receipts: ReadonlyMap<string, Coverage>
  readonly days: DaysShown
}

/** The collector's public keys by id, and those that signed something. */
export interface CollectorKeys {
  /** The key of an id; names the item where the trail lists none. */
  use(path: string, id: Uint8Array): Uint8Array
}

const PUBLIC_KEY_BYTES = 32

/**
 * Checks a trail offline, from the devices' signatures to the roots of days. The first item that does
 * not fit is named by its path. Faults: PROOF_MALFORMED, PROOF_MISMATCH.
 */
export function verifyTrail(text: string, trust: Trust = {}): Result<VerifiedTrail> {
  try {
    const trail = readDocument({ schema: TrailSchema, format: TRAIL_FORMAT, noun: 'trail' }, text)
    const period = periodOf('toMs', trail)
    checkKeys(trail.keys, trust.keys)
    const batches = checkBatches(trail.batches, trail.keys)
    for (const { path, body } of batches.values())
      if (body.length === 0) mismatch(`${path}.body`, 'is missing')
    const chain = checkChain(batches)
    const archive = decodeBatches(batches)
    checkStreams(trail.streams, archive)
    checkOneMeter(trail)
    checkTrailReadings(trail, period, archive)
    const used = new Set<string>()
    const keys = collectorKeys(trail, trust.collectors, used)
    const receipts = checkReceipts(trail.receipts, batches, keys)
    const days = checkInclusions(trail, batches, keys)
    checkSeal(trail, keys)
    const idle = trail.collectorKeys.findIndex((key) => !used.has(toHex(key.keyId)))
    if (idle >= 0) mismatch(`collectorKeys[${idle}]`, 'signed nothing in the trail')
    return ok({ trail, batches, chain, receipts, days })
  } catch (error) {
    if (error instanceof FaultError) return { ok: false, fault: error.fault }
    throw error
  }
}

/** All streams are of one resource's meter; attributes are signed by nobody. */
function checkOneMeter({ streams }: Trail): void {
  for (const [i, { resource, meter, attributes }] of streams.entries()) {
    same(`streams[${i}].resource`, resource, streams[0]!.resource)
    same(`streams[${i}].meter`, meter, streams[0]!.meter)
    if (Object.keys(attributes).length > 0)
      mismatch(`streams[${i}].attributes`, 'are signed by nobody, and have no place in a trail')
  }
}

function collectorKeys(
  { collectorKeys: keys }: Trail,
  trusted: ReadonlySet<string> | undefined,
  used: Set<string>,
): CollectorKeys {
  const index = uniqueIndex('collectorKeys', keys, (key) => toHex(key.keyId))
  for (const [i, { keyId: id, publicKey }] of keys.entries()) {
    const path = `collectorKeys[${i}]`
    if (publicKey.length !== PUBLIC_KEY_BYTES) mismatch(`${path}.publicKey`, 'has not 32 bytes')
    sameBytes(`${path}.keyId`, id, keyId(publicKey))
    if (trusted !== undefined && !trusted.has(toHex(publicKey)))
      mismatch(`${path}.publicKey`, `${toHex(publicKey)} is not the trusted collector's`)
  }
  return {
    use: (path, id) => {
      const at = index.get(toHex(id))
      if (at === undefined) return mismatch(path, `the trail lists no collector key ${toHex(id)}`)
      used.add(toHex(id))
      return keys[at]!.publicKey
    },
  }
}

function checkSeal(trail: Trail, keys: CollectorKeys): void {
  const seal = present('seal', trail.seal)
  sameBytes('seal.publicKey', seal.publicKey, keys.use('seal.publicKey', keyId(seal.publicKey)))
  if (!trailSealValid(trail))
    mismatch('seal.signature', 'the collector has not signed this text: something in it was changed')
}
