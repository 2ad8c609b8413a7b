import { GapKind } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { proofText, sealProof } from '@vouch/proto/seal/proof.ts'
import { expect, test } from 'vitest'
import { createMemoryStore } from '../testing/memory-store.ts'
import { BILLED, measuredHost } from '../testing/test-month.ts'
import { OTHER_ISSUER, buildProof } from '../testing/test-proof.ts'
import { verifyProof } from './verify.ts'

test('a hole between readings in two batches is missed where no gap lists it', async () => {
  // Minutes 30 to 37 were not sampled: the period begins between two readings that different batches hold.
  const late = { from: BILLED.from + 23 * 60_000, to: BILLED.to }
  const honest = await buildProof(['host:a'], late, createMemoryStore([measuredHost('a')]))
  const { coverage } = honest.invoice!.statements[0]!.snapshot!.measurements[0]!.streams[0]!
  expect(coverage!.gaps.map(({ kind }) => kind)).toContain(GapKind.SPREAD)
  expect(verifyProof(proofText(honest)).ok).toBe(true)
  coverage!.gaps = coverage!.gaps.filter(({ kind }) => kind !== GapKind.SPREAD)
  coverage!.coveredMs += coverage!.spreadMs
  coverage!.spreadMs = 0n
  const verified = verifyProof(proofText(sealProof(honest, OTHER_ISSUER)))
  expect(verified.ok ? undefined : verified.fault.pointer).toBe(
    'invoice.statements[0].snapshot.measurements[0].streams[0].coverage.gaps',
  )
})
