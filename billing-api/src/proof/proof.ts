import { create } from '@bufbuild/protobuf'
import { ProofSchema } from '@vouch/proto/gen/vouch/proof/v1/proof_pb.ts'
import type { Proof } from '@vouch/proto/gen/vouch/proof/v1/proof_pb.ts'
import type { SignedBatch } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Reading, Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { compareBytes, toHex } from '@vouch/proto/kernel/bytes.ts'
import { fail, ok, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { formatAmount } from '@vouch/proto/kernel/money.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { batchDigest, peekHeader } from '@vouch/proto/seal/batch.ts'
import { PROOF_FORMAT } from '@vouch/proto/seal/proof.ts'
import type { Draft } from '../invoice/invoice.ts'
import type { Evidence } from '../ports.ts'

/** The digests of all batches that hold a reading which snapshots rest on, each once, ascending. */
export function digestsOf(snapshots: readonly Snapshot[]): Uint8Array[] {
  const all = snapshots.flatMap((snapshot) => [
    ...readings(snapshot).map((reading) => reading.batchDigest),
    ...snapshot.slotBatches,
  ])
  return [...new Map(all.map((digest) => [toHex(digest), digest])).values()].toSorted(compareBytes)
}

/**
 * The proof of an invoice, not sealed yet. Tariffs are the versions that its statements name.
 * Faults: EVIDENCE_MISSING where a reading's batch or a batch's key is not in the evidence.
 */
export function assembleProof(
  invoice: Draft,
  issue: { readonly number: string; readonly atMs: number },
  tariffs: readonly Tariff[],
  evidence: Evidence,
): Result<Proof> {
  const missing = missingEvidence(invoice, evidence)
  if (missing !== undefined) return fail('EVIDENCE_MISSING', missing)
  return ok(
    create(ProofSchema, {
      format: PROOF_FORMAT,
      invoice: {
        number: issue.number,
        issuedAt: formatInstant(issue.atMs),
        seller: { partyId: invoice.seller.id, name: invoice.seller.name },
        buyer: { partyId: invoice.buyer.id, name: invoice.buyer.name },
        currency: invoice.currency,
        periodFrom: formatInstant(invoice.period.from),
        periodTo: formatInstant(invoice.period.to),
        timeZone: invoice.timeZone,
        lines: invoice.lines.map(({ lineNumber, statement, charge }) => ({ lineNumber, statement, charge })),
        total: formatAmount(invoice.total),
        statements: invoice.statements.map(({ tariff, tariffVersion, snapshot }) => {
          return { tariffId: tariff, tariffVersion, snapshot }
        }),
      },
      tariffs: [...tariffs],
      keys: evidence.keys.toSorted(
        (a, b) => compareBytes(a.agentId, b.agentId) || compareBytes(a.keyId, b.keyId),
      ),
      streams: evidence.streams.toSorted((a, b) => compareBytes(a.streamId, b.streamId)),
      batches: inChainOrder(evidence.batches),
    }),
  )
}

function missingEvidence(invoice: Draft, { batches, keys }: Evidence): string | undefined {
  const present = new Set(batches.map(({ header }) => toHex(batchDigest(header))))
  const digest = digestsOf(invoice.statements.map(({ snapshot }) => snapshot)).find(
    (wanted) => !present.has(toHex(wanted)),
  )
  if (digest !== undefined) return `the signed batch ${toHex(digest)} is not in the archive`
  const known = new Set(keys.map(({ keyId }) => toHex(keyId)))
  const orphan = batches.find(({ keyId }) => !known.has(toHex(keyId)))
  return orphan === undefined ? undefined : `no agent key ${toHex(orphan.keyId)} is on record`
}

/** By agent, run and sequence. */
function inChainOrder(batches: readonly SignedBatch[]): SignedBatch[] {
  return batches
    .map((batch) => ({ batch, header: unwrap(peekHeader(batch)) }))
    .toSorted(
      ({ header: a }, { header: b }) =>
        compareBytes(a.agentId, b.agentId) ||
        compareBytes(a.runId, b.runId) ||
        compareBig(a.sequence, b.sequence),
    )
    .map(({ batch }) => batch)
}

function readings({ measurements, estimates }: Snapshot): Reading[] {
  const streams = [
    ...measurements.flatMap((measurement) => measurement.streams),
    ...estimates.flatMap(({ reference }) => reference ?? []),
  ]
  return streams
    .flatMap(({ epochs }) => epochs)
    .flatMap(({ opening, closing, cuts }) => [opening, closing, ...cuts])
    .flatMap((boundary) => [boundary?.before, boundary?.after])
    .filter((reading) => reading !== undefined)
}

function compareBig(a: bigint, b: bigint): -1 | 0 | 1 {
  if (a === b) return 0
  return a < b ? -1 : 1
}
