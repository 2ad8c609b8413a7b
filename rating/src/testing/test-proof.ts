import { create } from '@bufbuild/protobuf'
import type { SignedBatch } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { type Proof, ProofSchema } from '@vouch/proto/gen/vouch/proof/v1/proof_pb.ts'
import { GetEvidenceRequestSchema, RateRequestSchema } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { type Tariff, TariffSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Charge } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatAmount, parseAmount, sumMoney } from '@vouch/proto/kernel/money.ts'
import { type Period, formatInstant } from '@vouch/proto/kernel/period.ts'
import { PROOF_FORMAT, sealProof } from '@vouch/proto/seal/proof.ts'
import { sha256, signerOf } from '@vouch/proto/seal/seal.ts'
import { evidence } from '../evidence/evidence.ts'
import type { Archive, UsageStore } from '../rate/ports.ts'
import { rate } from '../rate/rate.ts'

/** The issuer of test proofs, and another one. */
export const ISSUER = signerOf(sha256(new TextEncoder().encode('issuer')))
export const OTHER_ISSUER = signerOf(sha256(new TextEncoder().encode('another issuer')))

/** A tariff of processor time and traffic. */
export const TARIFF: Tariff = create(TariffSchema, {
  tariffId: 'standard',
  version: 1,
  currency: 'EUR',
  amountRounding: 'half-up',
  prices: [
    { itemId: 'cpu', model: { case: 'perUnit', value: { unitPrice: '0.045' } } },
    { itemId: 'traffic', model: { case: 'perUnit', value: { unitPrice: '0.01' } } },
  ],
  items: [
    {
      itemId: 'cpu',
      version: 1,
      name: 'Processor time',
      meter: 'host.cpu.used',
      unit: 'core-hour',
      quantityRounding: { mode: 'half-even', scale: 6 },
    },
    {
      itemId: 'traffic',
      version: 1,
      name: 'Traffic received',
      meter: 'host.network.received',
      unit: 'GB',
      quantityRounding: { mode: 'ceiling', scale: 3 },
    },
  ],
})

/** The batches behind charges, with what else the archive gives. */
export async function collectEvidence(
  charges: readonly Charge[],
  archive: Archive,
): Promise<Pick<Proof, 'batches' | 'streams' | 'keys'>> {
  const boundaries = charges.flatMap(({ usage }) =>
    usage.flatMap(({ epochs }) => epochs.flatMap(({ opening, closing }) => [opening!, closing!])),
  )
  const batchDigests = boundaries
    .flatMap(({ before, after }) => (after === undefined ? [before!] : [before!, after]))
    .map((r) => r.batchDigest)
  const found: Pick<Proof, 'batches' | 'streams' | 'keys'> = { batches: [], streams: [], keys: [] }
  const request = create(GetEvidenceRequestSchema, { batchDigests })
  for await (const { kind } of evidence(request, archive, { linksMax: 10_000, runsMax: 100 })) {
    if (kind.case === 'batch') found.batches.push(kind.value satisfies SignedBatch)
    if (kind.case === 'stream') found.streams.push(kind.value)
    if (kind.case === 'key') found.keys.push(kind.value)
  }
  return found
}

/** The sealed proof of an invoice for the resources over the period. */
export async function buildProof(
  resources: readonly string[],
  period: Period,
  { store, archive }: { store: UsageStore; archive: Archive },
): Promise<Proof> {
  const stretch = { fromMs: BigInt(period.from), toMs: BigInt(period.to) }
  const assignments = resources.map((resource) => ({ resource, period: stretch }))
  const request = create(RateRequestSchema, { period: stretch, tariff: TARIFF, assignments })
  const { charges } = unwrap(await rate(request, store))
  const total = sumMoney(
    charges.map(({ amount }) => unwrap(parseAmount(amount, 'EUR'))),
    'EUR',
  )
  const proof = create(ProofSchema, {
    format: PROOF_FORMAT,
    invoice: {
      number: 'INV-000001',
      issuedAt: formatInstant(period.to + 60_000),
      seller: { partyId: 'seller', name: 'Seller Ltd' },
      buyer: { partyId: 'buyer', name: 'Buyer & Söhne' },
      currency: 'EUR',
      periodFrom: formatInstant(period.from),
      periodTo: formatInstant(period.to),
      timeZone: 'Europe/Berlin',
      lines: charges.map((charge, i) => {
        const description = TARIFF.items.find(({ itemId }) => itemId === charge.itemId)!.name
        return {
          lineNumber: i + 1,
          description,
          tariffId: TARIFF.tariffId,
          tariffVersion: TARIFF.version,
          charge,
        }
      }),
      total: formatAmount(total),
    },
    tariffs: [TARIFF],
    ...(await collectEvidence(charges, archive)),
  })
  return sealProof(proof, ISSUER)
}
