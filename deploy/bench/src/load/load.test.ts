import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { startTestCollector } from '@vouch/collector/testing/test-collector.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { openBatch } from '@vouch/proto/seal/batch.ts'
import { generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import { create, fromBinary } from '@bufbuild/protobuf'
import { PushRequestSchema, ReceiptSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { LoadAgent } from './agent.ts'
import { BodyTemplate } from './body-template.ts'
import { enrolAgents, issueTokens } from './enrol.ts'
import { Fleet } from './fleet.ts'
import { Dialler } from './http2-client.ts'
import { outcomeOf, runFleet, shapeOf } from './load.ts'
import { seededRandom } from './random.ts'
import { Tally } from './tally.ts'

test.each([
  [60_000, 10_000, { rows: 6, spacingMs: 10_000 }],
  [10_000, 10_000, { rows: 1, spacingMs: 10_000 }],
  [1_000, 10_000, { rows: 1, spacingMs: 1_000 }],
  [1_000, 300, { rows: 3, spacingMs: 333 }],
])('a batch every %i ms at a cadence of %i ms', (intervalMs, cadenceMs, shape) => {
  expect(shapeOf(200, cadenceMs, intervalMs)).toEqual({ streams: 200, ...shape })
})

test.each([
  [{ batches: 10 }, 1, undefined],
  [{ batches: 10, laterThan5000Ms: 5 }, 0.5, undefined],
  [{ batches: 10, batchesWithoutReceipt: 1 }, 0.9, /1 batches got no receipt/],
  [{ batches: 10, connectingWithoutReceipt: 2 }, 1, /2 batches got no receipt/],
  [{ batches: 10, batchesQuarantined: 1 }, 1, /1 one that names a fault/],
  [{ batches: 10, violations: 1 }, 1, /does not hold/],
  [{}, 0, /nothing was sent/],
])('%j has ratio %d', (figures, ratio, failure) => {
  const outcome = outcomeOf('load', figures)
  expect(outcome.result.ratio).toBe(ratio)
  if (failure === undefined) expect(outcome.failure).toBeUndefined()
  else expect(outcome.failure).toMatch(failure)
})

test('an agent signs one chain, and takes only the receipt of a batch that it sent', () => {
  const signer = signerOf(generateKeys().privateKey)
  const agentId = new Uint8Array(randomBytes(16))
  const template = new BodyTemplate({ streams: 3, rows: 2, spacingMs: 1_000 })
  const agent = new LoadAgent(
    { agentId, signer, collectorKey: signer.publicKey, resource: 'host:aa' },
    template,
  )
  agent.startMs = Date.UTC(2026, 4, 1)
  const sealed = Array.from({ length: 3 }, () => agent.seal(new Tally()))
  let previous = new Uint8Array()
  for (const { request, digest, sequence } of sealed) {
    const kind = fromBinary(PushRequestSchema, request).frame?.kind
    if (kind?.case !== 'batch') throw new Error('not a batch')
    const { header, body } = unwrap(openBatch(kind.value, signer.publicKey))
    expect(header).toMatchObject({ sequence: BigInt(sequence), previousDigest: previous })
    expect(body).toEqual(agent.body(sequence))
    previous = new Uint8Array(digest)
  }
  const receipt = { ...create(ReceiptSchema, { agentId, runId: agent.runId }) }
  expect(agent.release({ ...receipt, sequence: 4n, digest: new Uint8Array(32) })).toBeUndefined()
  expect(agent.release({ ...receipt, sequence: 2n, digest: sealed[0]!.digest })).toBeUndefined()
  expect(
    agent.release({ ...receipt, sequence: 2n, digest: sealed[1]!.digest, runId: agentId }),
  ).toBeUndefined()
  expect(agent.release({ ...receipt, sequence: 2n, digest: sealed[1]!.digest })).toEqual(sealed.slice(0, 2))
  expect(agent.release({ ...receipt, sequence: 2n, digest: sealed[1]!.digest })).toEqual([])
  expect(agent.waiting).toEqual(sealed.slice(2))
})

test('against a real collector, with connections that break, every batch gets a receipt and is stored once', async () => {
  const collector = await startTestCollector()
  try {
    const [host = '', port = ''] = collector.address.split(':')
    const dialler = new Dialler({ host, port: Number(port), tls: undefined })
    const identities = await enrolAgents(dialler, await issueTokens(collector.postgresUrl, 4))
    const template = new BodyTemplate(shapeOf(10, 50, 100))
    const fleet = new Fleet({ dialler, template, identities, reconnectMs: 400, random: seededRandom(7) })
    const figures = await runFleet(fleet, 3, () => {})
    expect(figures).toMatchObject({ batchesWithoutReceipt: 0, connectingWithoutReceipt: 0, violations: 0 })
    expect(figures['reconnects']).toBeGreaterThan(0)
    expect(figures['batches']).toBeGreaterThan(20)
    const [stored] = await collector.query<{ batches: string; readings: string }>(
      `SELECT (SELECT count() FROM ${collector.database}.batches_v1) AS batches,
         (SELECT count() FROM ${collector.database}.readings_v1) AS readings`,
    )
    const sent = figures['batches']! + figures['connectingBatches']!
    expect(stored).toEqual({ batches: String(sent), readings: String(sent * 20) })
  } finally {
    await collector.dispose()
  }
}, 60_000)

test('a token that was never issued is the collector’s refusal, not a hang', async () => {
  const collector = await startTestCollector()
  try {
    const [host = '', port = ''] = collector.address.split(':')
    const dialler = new Dialler({ host, port: Number(port), tls: undefined })
    await expect(enrolAgents(dialler, ['vouch_none'])).rejects.toThrow(/TOKEN_UNKNOWN/)
    const nowhere = new Dialler({ host, port: 9, tls: undefined })
    await expect(enrolAgents(nowhere, ['vouch_none'])).rejects.toThrow(/UNAVAILABLE/)
  } finally {
    await collector.dispose()
  }
})
