import { create, toBinary } from '@bufbuild/protobuf'
import { ReceiptSchema, SignedReceiptSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { SignedReceipt } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { TAGS } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import type { Link } from '../ports.ts'

/** What a receipt says: everything of the run up to a batch is durable. */
export interface Acknowledgement {
  readonly agentId: Uint8Array
  readonly runId: Uint8Array
  readonly upTo: Link
  /** Batches newly covered whose readings were not taken. */
  readonly quarantined: readonly { readonly sequence: bigint; readonly fault: Fault }[]
  /** Collector's clock, epoch milliseconds. */
  readonly receivedMs: number
}

/** Signs a receipt. */
export type Receipts = (acknowledgement: Acknowledgement) => SignedReceipt

/** Signs receipts with a collector's key. */
export function receiptsOf(signer: Signer): Receipts {
  return ({ agentId, runId, upTo, quarantined, receivedMs }) => {
    const receipt = toBinary(
      ReceiptSchema,
      create(ReceiptSchema, {
        agentId,
        runId,
        sequence: upTo.sequence,
        digest: Uint8Array.fromHex(upTo.digest),
        receivedMs: BigInt(receivedMs),
        quarantined: quarantined.map(({ sequence, fault: { code, message } }) => ({
          sequence,
          code,
          message,
        })),
      }),
    )
    const signature = signer.sign(TAGS.receipt, receipt)
    return create(SignedReceiptSchema, { receipt, signature, keyId: signer.keyId })
  }
}
