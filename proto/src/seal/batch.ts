import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { equalBytes } from '../kernel/bytes.ts'
import { fail, ok } from '../kernel/fault.ts'
import type { Result } from '../kernel/fault.ts'
import { BatchHeaderSchema, SignedBatchSchema } from '../gen/vouch/ingest/v1/batch_pb.ts'
import type { BatchHeader, SignedBatch } from '../gen/vouch/ingest/v1/batch_pb.ts'
import { TAGS, sha256, verifyDigest } from './seal.ts'
import type { Signer } from './seal.ts'

/** A header before its body is known. */
export type BatchHeaderInit = Omit<MessageInitShape<typeof BatchHeaderSchema>, '$typeName' | 'bodyDigest'>

/** A batch whose signature and body digest hold. */
export interface OpenedBatch {
  readonly header: BatchHeader
  /** SHA-256 of the header's bytes: the batch's name. */
  readonly digest: Uint8Array<ArrayBuffer>
  /** BatchBody, encoded; empty where the batch only links the chain. */
  readonly body: Uint8Array
}

const ID_BYTES = 16
const DIGEST_BYTES = 32

/** Signs a body and the header that goes with it. */
export function sealBatch(
  init: BatchHeaderInit,
  body: Uint8Array,
  signer: Signer,
): { readonly signed: SignedBatch; readonly digest: Uint8Array<ArrayBuffer> } {
  const header = toBinary(BatchHeaderSchema, create(BatchHeaderSchema, { ...init, bodyDigest: sha256(body) }))
  const signature = signer.sign(TAGS.batch, header)
  const signed = create(SignedBatchSchema, { header, body, signature, keyId: signer.keyId })
  return { signed, digest: batchDigest(header) }
}

/** A batch's digest: SHA-256 of its header's bytes as sent. */
export function batchDigest(header: Uint8Array): Uint8Array<ArrayBuffer> {
  return sha256(header)
}

/**
 * Checks a batch against a public key: the header's shape, the signature, the body's digest.
 * Faults: BATCH_MALFORMED, SIGNATURE_INVALID, BATCH_DIGEST_MISMATCH.
 */
export function openBatch(signed: SignedBatch, publicKey: Uint8Array): Result<OpenedBatch> {
  const opened = openLink(signed, publicKey)
  if (!opened.ok) return opened
  if (!equalBytes(sha256(signed.body), opened.value.header.bodyDigest)) {
    return fail('BATCH_DIGEST_MISMATCH', 'the body is not the one that the header was signed for')
  }
  return opened
}

/** As {@link openBatch}, for a batch that is shown without its body, as a link of the chain. */
export function openLink(signed: SignedBatch, publicKey: Uint8Array): Result<OpenedBatch> {
  const digest = batchDigest(signed.header)
  if (!verifyDigest(TAGS.batch, digest, signed.signature, publicKey)) {
    return fail('SIGNATURE_INVALID', "the batch's signature is not by the key it names")
  }
  const header = peekHeader(signed)
  if (!header.ok) return header
  return ok({ header: header.value, digest, body: signed.body })
}

/** Reads a header without checking its signature: only to find the key that should have signed. */
export function peekHeader(signed: SignedBatch): Result<BatchHeader> {
  let header: BatchHeader
  try {
    header = fromBinary(BatchHeaderSchema, signed.header)
  } catch {
    return fail('BATCH_MALFORMED', 'the batch header is not a BatchHeader message')
  }
  const shape = headerShape(header)
  return shape === undefined ? ok(header) : fail('BATCH_MALFORMED', `batch header: ${shape}`)
}

function headerShape(header: BatchHeader): string | undefined {
  if (header.agentId.length !== ID_BYTES) return 'agent_id has 16 bytes'
  if (header.runId.length !== ID_BYTES) return 'run_id has 16 bytes'
  if (header.sequence < 1n) return 'sequence counts from 1'
  if (header.bodyDigest.length !== DIGEST_BYTES) return 'body_digest has 32 bytes'
  const previous = header.previousDigest.length
  if (previous !== DIGEST_BYTES && !(previous === 0 && header.sequence === 1n)) {
    return 'previous_digest has 32 bytes, or none for the first batch of an agent'
  }
  if (header.clock === undefined) return 'clock is missing'
  if (header.clock.bootId.length !== ID_BYTES) return 'clock.boot_id has 16 bytes'
  return undefined
}
