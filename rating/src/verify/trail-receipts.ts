import { fromBinary } from '@bufbuild/protobuf'
import {
  type Receipt,
  ReceiptSchema,
  type SignedReceipt,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { TAGS, verify } from '@vouch/proto/seal/seal.ts'
import type { CheckedBatch, CheckedBatches } from './batches.ts'
import { mismatch, sameBytes, uniqueIndex } from './mismatch.ts'
import type { CollectorKeys } from './trail.ts'

/** What a receipt says of a batch. */
export interface Coverage {
  /** The receipt covers every batch of the run up to this one. */
  readonly sequence: bigint
  /** When the collector signed it, epoch milliseconds by its clock. */
  readonly receivedMs: bigint
  /** Fault code where the readings went to quarantine; empty where they were taken. */
  readonly quarantined: string
}

/** Checks the receipts' signatures, and finds for each batch the first receipt that covers it. */
export function checkReceipts(
  receipts: readonly SignedReceipt[],
  batches: CheckedBatches,
  keys: CollectorKeys,
): ReadonlyMap<string, Coverage> {
  const opened = receipts.map((signed, i) => openReceipt(`receipts[${i}]`, signed, keys))
  uniqueIndex('receipts', opened, ({ receipt }) => `${runOf(receipt)} ${receipt.sequence}`)
  const runs = Map.groupBy(opened, ({ receipt }) => runOf(receipt))
  const used = new Set<string>()
  const coverage = new Map<string, Coverage>()
  for (const [digest, batch] of batches) {
    const own = (runs.get(`${batch.agentId} ${toHex(batch.header.runId)}`) ?? [])
      .filter(({ receipt }) => receipt.sequence >= batch.header.sequence)
      .toSorted((a, b) => (a.receipt.sequence < b.receipt.sequence ? -1 : 1))
    const [first] = own
    if (first === undefined) continue
    used.add(first.path)
    coverage.set(digest, coverageOf(batch, first))
  }
  const idle = opened.find(({ path }) => !used.has(path))
  if (idle !== undefined) mismatch(idle.path, 'covers no batch of the trail, or none that another does not')
  return coverage
}

interface OpenedReceipt {
  readonly path: string
  readonly receipt: Receipt
}

const runOf = ({ agentId, runId }: Receipt): string => `${toHex(agentId)} ${toHex(runId)}`

function openReceipt(path: string, signed: SignedReceipt, keys: CollectorKeys): OpenedReceipt {
  const key = keys.use(`${path}.keyId`, signed.keyId)
  if (!verify(TAGS.receipt, signed.receipt, signed.signature, key))
    mismatch(`${path}.signature`, 'is not by the collector key that it names')
  try {
    return { path, receipt: fromBinary(ReceiptSchema, signed.receipt) }
  } catch {
    return mismatch(`${path}.receipt`, 'is not a Receipt message')
  }
}

function coverageOf(
  { header, digest, path: batch }: CheckedBatch,
  { path, receipt }: OpenedReceipt,
): Coverage {
  if (receipt.sequence === header.sequence) sameBytes(`${path}.receipt`, receipt.digest, digest)
  const { sequence, receivedMs } = receipt
  const aside = receipt.quarantined.find((one) => one.sequence === header.sequence)
  if (receivedMs < 0n) mismatch(`${path}.receipt`, `says of ${batch} that it was received before 1970`)
  return { sequence, receivedMs, quarantined: aside?.code ?? '' }
}
