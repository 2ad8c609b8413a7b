import { create } from '@bufbuild/protobuf'
import {
  type GetEvidenceResponse,
  GetEvidenceRequestSchema,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { proofText } from '@vouch/proto/seal/proof.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createMemoryStore } from '../testing/memory-store.ts'
import { type TestBatch, createTestAgent } from '../testing/test-agent.ts'
import { BILLED, measuredHost } from '../testing/test-month.ts'
import { buildProof } from '../testing/test-proof.ts'
import { verifyProof } from '../verify/verify.ts'
import { chainLinks } from './chain.ts'
import { evidence } from './evidence.ts'

const LIMITS = { linksMax: 1000, runsMax: 10 }

/** Batches of one agent over several runs. */
function chainOf(runs: readonly number[]): {
  agent: ReturnType<typeof createTestAgent>
  batches: TestBatch[]
} {
  const agent = createTestAgent('chained')
  const stream = agent.define('host:c', 'host.cpu.used', 'ms')
  const batches: TestBatch[] = []
  for (const [run, count] of runs.entries()) {
    if (run > 0) agent.restart()
    for (let i = 0; i < count; i += 1) {
      const timeMs = 1000 + batches.length
      batches.push(
        agent.seal([{ stream, epoch: BigInt(run + 1), timeMs, register: BigInt(timeMs), spanMs: 1 }]),
      )
    }
  }
  return { agent, batches }
}

async function linksOf(
  runs: readonly number[],
  wanted: readonly number[],
  gone: readonly number[] = [],
): Promise<number[]> {
  const { agent, batches } = chainOf(runs)
  const kept = batches.filter((_, i) => !gone.includes(i))
  const { archive } = createMemoryStore([{ agent, streams: [], batches: kept }])
  const places = await archive.find(wanted.map((i) => toHex(batches[i]!.digest)))
  if (!places.ok) throw new Error('the archive in memory always answers')
  const links = await chainLinks(places.value, archive, LIMITS)
  if (!links.ok) throw new Error(links.fault.message)
  const shown = links.value.map(({ digest }) => batches.findIndex((batch) => toHex(batch.digest) === digest))
  return [...new Set([...shown, ...wanted])].toSorted((a, b) => a - b)
}

test('every batch from the first to the last evidence is shown, whatever the runs', async () => {
  const runs = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 })
  await fc.assert(
    fc.asyncProperty(
      runs,
      fc.array(fc.nat({ max: 100 }), { minLength: 1, maxLength: 4 }),
      async (counts, picks) => {
        const total = counts.reduce((sum, count) => sum + count, 0)
        const wanted = [...new Set(picks.map((pick) => pick % total))].toSorted((a, b) => a - b)
        const [first, last] = [wanted[0]!, wanted.at(-1)!]
        const expected = Array.from({ length: last - first + 1 }, (_, i) => first + i)
        expect(await linksOf(counts, wanted)).toEqual(expected)
      },
    ),
  )
})

test.each([
  ['in a run', [5], [0, 2, 4], [1], [0, 2, 3, 4]],
  ['at the end of a run before', [3, 3], [0, 4], [2], [0, 4]],
  ['at the start of a run', [3, 3], [0, 4], [3], [0, 4]],
  ['and a whole run', [2, 1, 2], [0, 4], [2], [0, 4]],
])(
  'where a batch %s is not in the archive, that stretch is left out whole',
  async (_, runs, wanted, gone, shown) => {
    expect(await linksOf(runs, wanted, gone)).toEqual(shown)
  },
)

test('a proof with a stretch left out still verifies, and says so', async () => {
  const host = measuredHost('q')
  const batches = host.batches.filter((_, i) => i !== 4)
  const proof = await buildProof(['host:q'], BILLED, createMemoryStore([{ ...host, batches }]))
  const result = verifyProof(proofText(proof))
  expect(result).toMatchObject({ ok: true, value: { chain: [{ stretches: 2 }] } })
})

async function answers(digests: readonly Uint8Array[]): Promise<GetEvidenceResponse[]> {
  const { archive } = createMemoryStore([measuredHost('e')])
  const request = create(GetEvidenceRequestSchema, { batchDigests: [...digests] })
  return Array.fromAsync(evidence(request, archive, LIMITS))
}

test('an unknown digest is EVIDENCE_MISSING, a short one FIELD_INVALID', async () => {
  await expect(answers([new Uint8Array(32)])).rejects.toMatchObject({ fault: { code: 'EVIDENCE_MISSING' } })
  await expect(answers([new Uint8Array(31)])).rejects.toMatchObject({ fault: { code: 'FIELD_INVALID' } })
})

test('batches in full come first, then links, streams, keys', async () => {
  const { batches } = measuredHost('e')
  const items = await answers([batches[0]!.digest, batches[3]!.digest, batches[0]!.digest])
  const kinds = items.map(({ kind }) => kind)
  expect(kinds.map((kind) => kind.case)).toEqual([
    'batch',
    'batch',
    'batch',
    'batch',
    'stream',
    'stream',
    'stream',
    'key',
  ])
  expect(kinds.slice(0, 4).map((kind) => kind.case === 'batch' && kind.value.body.length > 0)).toEqual([
    true,
    true,
    false,
    false,
  ])
})
