import { create } from '@bufbuild/protobuf'
import { SignedBatchSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { batchDigest, openLink } from '@vouch/proto/seal/batch.ts'
import { keyId } from '@vouch/proto/seal/seal.ts'
import type { Findings } from './findings.ts'

/** A batch as stored, all bytes as lower-case hexadecimal. */
export interface StoredBatch {
  readonly agent: string
  readonly run: string
  readonly sequence: string
  readonly digest: string
  /** Zeros where there is none. */
  readonly previous: string
  readonly key: string
  readonly header: string
  /** SHA-256 of the stored body; undefined where the batch is kept without it. */
  readonly body_digest: string | undefined
  readonly signature: string
}

/** A place in the chain of a run that does not continue the one before it. */
export interface ChainBreak {
  readonly batch: StoredBatch
  readonly problem: string
}

/** How a batch is named to a person. */
export function batchName({ agent, run, sequence }: Pick<StoredBatch, 'agent' | 'run' | 'sequence'>): string {
  return `batch ${sequence} of run ${run} of agent ${agent}`
}

/**
 * Checks one stored batch against its own signed bytes: digest, columns, body, key and signature.
 * Undefined for a key = none is archived under the batch's key id.
 */
export function checkBatch(batch: StoredBatch, publicKey: Uint8Array | undefined, findings: Findings): void {
  const name = batchName(batch)
  const bytes = (hex: string): Uint8Array<ArrayBuffer> => Uint8Array.fromHex(hex)
  const header = bytes(batch.header)
  const digest = batchDigest(header).toHex()
  if (digest !== batch.digest)
    findings.add(name, `its header has the digest ${digest}, but it is stored as ${batch.digest}`)
  if (publicKey === undefined) {
    findings.add(name, `is signed by key ${batch.key}, which is not archived`)
    return
  }
  if (keyId(publicKey).toHex() !== batch.key)
    findings.add(name, `the archived key ${batch.key} is not the one that its id names`)
  const signed = create(SignedBatchSchema, {
    header,
    signature: bytes(batch.signature),
    keyId: bytes(batch.key),
  })
  const opened = openLink(signed, publicKey)
  if (!opened.ok) {
    findings.add(name, `${opened.fault.message}: header, signature or key was changed`)
    return
  }
  const { agentId, runId, sequence, previousDigest, bodyDigest } = opened.value.header
  const place = { agent: agentId.toHex(), run: runId.toHex(), sequence: `${sequence}` }
  if (batchName(place) !== name) findings.add(name, `its signed header says ${batchName(place)}`)
  if (previousDigest.toHex().padEnd(batch.previous.length, '0') !== batch.previous)
    findings.add(name, 'the column `previous` is not the digest in its signed header')
  if (batch.body_digest !== undefined && bodyDigest.toHex() !== batch.body_digest)
    findings.add(name, 'its body is not the one that the header was signed for')
}

/** Where a batch does not continue the stored one before it; undefined = it does, or nothing can be said yet. */
export function chainBreak(batch: StoredBatch, before: StoredBatch | undefined): ChainBreak | undefined {
  const expected = BigInt(before?.sequence ?? 0) + 1n
  const sequence = BigInt(batch.sequence)
  if (before !== undefined && sequence === BigInt(before.sequence))
    return { batch, problem: 'stands beside another batch with its sequence' }
  if (sequence !== expected) {
    const missing = sequence - expected
    return {
      batch,
      problem: `${missing} before it ${missing === 1n ? 'is' : 'are'} missing, from ${expected} on`,
    }
  }
  if (before !== undefined && batch.previous !== before.digest)
    return { batch, problem: `follows batch ${before.sequence} but names the digest ${batch.previous}` }
  return undefined
}
