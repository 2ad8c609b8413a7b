import { fromBinary } from '@bufbuild/protobuf'
import { ReceiptSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { Receipt, SignedReceipt } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { equalBytes } from '@vouch/proto/kernel/bytes.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { TAGS, verify } from '@vouch/proto/seal/seal.ts'

/** What a receipt has to fit before anything is deleted on its word. */
export interface Expectation {
  /** 32 bytes, pinned at enrolment. */
  readonly collectorPublicKey: Uint8Array
  /** 16 bytes. */
  readonly agentId: Uint8Array
  /** 16 bytes. */
  readonly runId: Uint8Array
  /** The digest of a batch in the spool. */
  digest(sequence: bigint): Uint8Array | undefined
}

/**
 * Checks a receipt: the collector's signature, and that it names this agent, this run, and the very
 * batch that is in the spool. `undefined` = a batch that has left the spool before. Faults: SIGNATURE_INVALID,
 * BATCH_DIGEST_MISMATCH.
 */
export function checkReceipt(signed: SignedReceipt, expected: Expectation): Result<Receipt | undefined> {
  if (!verify(TAGS.receipt, signed.receipt, signed.signature, expected.collectorPublicKey)) {
    return fail('SIGNATURE_INVALID', 'a receipt is not signed by the collector that enrolled this agent')
  }
  const receipt = fromBinary(ReceiptSchema, signed.receipt)
  if (!equalBytes(receipt.agentId, expected.agentId) || !equalBytes(receipt.runId, expected.runId)) {
    return fail('BATCH_DIGEST_MISMATCH', 'a receipt is for another agent or run')
  }
  const digest = expected.digest(receipt.sequence)
  if (digest === undefined) return ok(undefined)
  if (equalBytes(digest, receipt.digest)) return ok(receipt)
  return fail('BATCH_DIGEST_MISMATCH', `the receipt for batch ${receipt.sequence} is for other bytes`)
}
