import type { AgentKey, SignedBatch } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { equalBytes, toHex } from '@vouch/proto/kernel/bytes.ts'
import { type OpenedBatch, openBatch, openLink } from '@vouch/proto/seal/batch.ts'
import { keyId } from '@vouch/proto/seal/seal.ts'
import { mismatch, sameBytes, uniqueIndex } from './mismatch.ts'

/** A batch whose signature holds. */
export interface CheckedBatch extends OpenedBatch {
  /** Its path in the proof. */
  readonly path: string
  readonly agentId: string
}

/** The batches of a proof by digest in hexadecimal. */
export type CheckedBatches = ReadonlyMap<string, CheckedBatch>

const PUBLIC_KEY_BYTES = 32
const AGENT_ID_BYTES = 16
const FAULT_FIELDS = { SIGNATURE_INVALID: 'signature', BATCH_DIGEST_MISMATCH: 'body' } as Record<
  string,
  string
>

/** Checks that key ids name their keys and, where trusted ones are given, that each is among them. */
export function checkKeys(keys: readonly AgentKey[], trusted: ReadonlySet<string> | undefined): void {
  uniqueIndex('keys', keys, (key) => `${toHex(key.agentId)} ${toHex(key.keyId)}`)
  for (const [i, key] of keys.entries()) {
    if (key.agentId.length !== AGENT_ID_BYTES) mismatch(`keys[${i}].agentId`, 'has not 16 bytes')
    if (key.publicKey.length !== PUBLIC_KEY_BYTES) mismatch(`keys[${i}].publicKey`, 'has not 32 bytes')
    sameBytes(`keys[${i}].keyId`, key.keyId, keyId(key.publicKey))
    if (trusted !== undefined && !trusted.has(toHex(key.publicKey))) {
      mismatch(`keys[${i}].publicKey`, `${toHex(key.publicKey)} is not among the trusted keys`)
    }
  }
}

/** Checks signature and body of every batch, and that each key of the proof signed one. */
export function checkBatches(batches: readonly SignedBatch[], keys: readonly AgentKey[]): CheckedBatches {
  const used = new Set<AgentKey>()
  const checked = new Map<string, CheckedBatch>()
  for (const [i, batch] of batches.entries()) {
    const path = `batches[${i}]`
    const candidates = keys.filter((key) => equalBytes(key.keyId, batch.keyId))
    if (candidates.length === 0) mismatch(`${path}.keyId`, `the proof has no key ${toHex(batch.keyId)}`)
    const opened = (batch.body.length === 0 ? openLink : openBatch)(batch, candidates[0]!.publicKey)
    if (!opened.ok) mismatch(`${path}.${FAULT_FIELDS[opened.fault.code] ?? 'header'}`, opened.fault.message)
    const { header, digest } = opened.value
    const key = candidates.find(({ agentId }) => equalBytes(agentId, header.agentId))
    if (key === undefined) {
      const wrong = keys.indexOf(candidates[0]!)
      return mismatch(
        `keys[${wrong}].agentId`,
        `${path} is signed by this key and names agent ${toHex(header.agentId)}`,
      )
    }
    used.add(key)
    if (checked.has(toHex(digest))) mismatch(path, `repeats ${checked.get(toHex(digest))!.path}`)
    checked.set(toHex(digest), { ...opened.value, path, agentId: toHex(header.agentId) })
  }
  const idle = keys.findIndex((key) => !used.has(key))
  if (idle >= 0) mismatch(`keys[${idle}]`, 'signed no batch of the proof')
  return checked
}
