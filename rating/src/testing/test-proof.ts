import { create } from '@bufbuild/protobuf'
import type { SignedBatch } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { type Proof, ProofSchema } from '@vouch/proto/gen/vouch/proof/v1/proof_pb.ts'
import { GetEvidenceRequestSchema, MeasureRequestSchema } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { type Tariff, TariffSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Snapshot, UsageCorrection } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatAmount, parseAmount, sumMoney } from '@vouch/proto/kernel/money.ts'
import { type Period, formatInstant } from '@vouch/proto/kernel/period.ts'
import { PROOF_FORMAT, sealProof } from '@vouch/proto/seal/proof.ts'
import { sha256, signerOf } from '@vouch/proto/seal/seal.ts'
import { evidence } from '../evidence/evidence.ts'
import { type Sources, measure } from '../rate/measure.ts'
import type { Archive } from '../rate/ports.ts'
import { rateSnapshot } from '../rate/rate.ts'

/** The issuer of test proofs, and another one. */
export const ISSUER = signerOf(sha256(new TextEncoder().encode('issuer')))
export const OTHER_ISSUER = signerOf(sha256(new TextEncoder().encode('another issuer')))

/** A tariff of processor time and traffic. */
export const TARIFF: Tariff = create(TariffSchema, {
  tariffId: 'standard',
  version: 1,
  currency: 'EUR',
  amountRounding: 'half-up',
  rules: [
    {
      id: 'cpu',
      item: 'cpu',
      kind: 'usage',
      per: 'resource',
      price: { model: 'per-unit', unitPrice: '0.045' },
    },
    {
      id: 'traffic',
      item: 'traffic',
      kind: 'usage',
      per: 'resource',
      price: { model: 'per-unit', unitPrice: '0.01' },
    },
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

/** Bursts of traffic, and how much of it there was. */
export const RANKED: Tariff = create(TariffSchema, {
  tariffId: 'burst',
  version: 1,
  currency: 'EUR',
  amountRounding: 'half-up',
  rules: [
    {
      id: 'burst',
      kind: 'percentile',
      directions: 'in',
      select: { meters: ['host.network.received'] },
      unit: 'Mbit/s',
      rounding: { mode: 'half-up', scale: 3 },
      commit: '10',
      price: { model: 'per-unit', unitPrice: '2' },
    },
    {
      id: 'disks',
      kind: 'percentile',
      directions: 'level',
      missingSlots: 'zero',
      select: { meters: ['host.disk.read'] },
      unit: 'Mbit/s',
      price: { model: 'per-unit', unitPrice: '1' },
    },
    {
      id: 'volume',
      kind: 'usage',
      grain: 'hour',
      select: { meters: ['host.network.received'] },
      unit: 'GB',
      increment: { size: '1', at: 'entry' },
      price: { model: 'per-unit', unitPrice: '0.01' },
    },
  ],
})

/** The batches behind a snapshot, with what else the archive gives. */
export async function collectEvidence(
  { measurements, estimates, slotBatches }: Snapshot,
  archive: Archive,
): Promise<Pick<Proof, 'batches' | 'streams' | 'keys'>> {
  const usages = [
    ...measurements.flatMap(({ streams }) => streams),
    ...estimates.flatMap(({ reference }) => reference ?? []),
  ]
  const boundaries = usages
    .flatMap(({ epochs }) => epochs)
    .flatMap(({ opening, closing, cuts }) => [opening!, closing!, ...cuts])
  const batchDigests = boundaries
    .flatMap(({ before, after }) => (after === undefined ? [before!] : [before!, after]))
    .map((r) => r.batchDigest)
  batchDigests.push(...slotBatches)
  const found: Pick<Proof, 'batches' | 'streams' | 'keys'> = { batches: [], streams: [], keys: [] }
  const request = create(GetEvidenceRequestSchema, { batchDigests })
  for await (const { kind } of evidence(request, archive, { linksMax: 10_000, runsMax: 100 })) {
    if (kind.case === 'batch') found.batches.push(kind.value satisfies SignedBatch)
    if (kind.case === 'stream') found.streams.push(kind.value)
    if (kind.case === 'key') found.keys.push(kind.value)
  }
  return found
}

/** What resources used over a period, under a tariff. */
export async function snapshotOf(
  resources: readonly string[],
  period: Period,
  sources: Sources,
  tariff = TARIFF,
  usageCorrections: readonly UsageCorrection[] = [],
): Promise<Snapshot> {
  const stretch = { fromMs: BigInt(period.from), toMs: BigInt(period.to) }
  const assignments = resources.map((resource) => ({ resource, period: stretch }))
  const place = { period: stretch, inForce: stretch, timeZone: 'Europe/Berlin' }
  const request = create(MeasureRequestSchema, {
    ...place,
    tariff,
    assignments,
    usageCorrections: [...usageCorrections],
  })
  return unwrap(await measure(request, sources)).snapshot!
}

/** The sealed proof of an invoice for the resources over the period. */
export async function buildProof(
  resources: readonly string[],
  period: Period,
  sources: Sources,
  tariff = TARIFF,
): Promise<Proof> {
  const snapshot = await snapshotOf(resources, period, sources, tariff)
  return proofOf(snapshot, period, sources.archive, tariff)
}

/** The sealed proof of an invoice for a snapshot. */
export async function proofOf(
  snapshot: Snapshot,
  period: Period,
  archive: Archive,
  tariff = TARIFF,
): Promise<Proof> {
  const { charges } = unwrap(rateSnapshot(tariff, snapshot))
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
      lines: charges.map((charge, i) => ({ lineNumber: i + 1, charge, statement: 0 })),
      total: formatAmount(total),
      statements: [{ tariffId: tariff.tariffId, tariffVersion: tariff.version, snapshot }],
    },
    tariffs: [tariff],
    ...(await collectEvidence(snapshot, archive)),
  })
  return sealProof(proof, ISSUER)
}
