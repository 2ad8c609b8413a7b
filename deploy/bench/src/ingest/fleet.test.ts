import { expect, test } from 'vitest'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { batchDigest, openBatch } from '@vouch/proto/seal/batch.ts'
import { generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import { BODY_LIMITS, decodeBody } from '@vouch/proto/wire/body.ts'
import { BATCH_READINGS, loadAgent, shapeOf } from './fleet.ts'

test.each([
  [1, 1, 1],
  [1201, 1, 2],
  [76_800, 1, 64],
  [76_801, 2, 33],
  [2_400_000, 32, 63],
])('%i readings are %i agents with %i batches each', (readings, agents, batches) => {
  expect(shapeOf(readings)).toMatchObject({ agents, batches })
  expect(agents * batches * BATCH_READINGS).toBeGreaterThanOrEqual(readings)
})

test('an agent signs one chain of batches, the last of them sealed before now', () => {
  const signer = signerOf(generateKeys().privateKey)
  const identity = { agentId: new Uint8Array(16).fill(7), signer, collectorKey: signer.publicKey }
  const nowMs = Date.UTC(2026, 4, 1)
  const { batches } = loadAgent(identity, { agents: 1, warmBatches: 1, batches: 2 }, nowMs)
  const opened = batches.map((batch) => unwrap(openBatch(batch, signer.publicKey)))
  expect(opened.map(({ header }) => header.sequence)).toEqual([1n, 2n, 3n])
  expect(opened[2]?.header.previousDigest).toEqual(batchDigest(batches[1]?.header ?? new Uint8Array()))
  const columns = opened.map(({ body }) => unwrap(decodeBody(body, BODY_LIMITS)))
  expect(columns.map(({ timeMs }) => timeMs.length)).toEqual([BATCH_READINGS, BATCH_READINGS, BATCH_READINGS])
  // Reading by reading, the first stream's register goes on from batch to batch.
  const first = columns.flatMap(({ register }) => [...register.subarray(0, 6)])
  expect(first).toEqual(first.toSorted((a, b) => (a < b ? -1 : 1)))
  expect(Number(columns[2]?.timeMs.at(-1))).toBeLessThan(nowMs)
})
