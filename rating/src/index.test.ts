import { credentials } from '@grpc/grpc-js'
import { create, toBinary } from '@bufbuild/protobuf'
import { type GetEvidenceResponse, GetUsageRequestSchema, RateRequestSchema, RateResponseSchema, RatingService, GetEvidenceRequestSchema } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { makeClient } from '@vouch/proto/wire/grpc.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Rating, createRating, readRatingConfig } from './index.ts'
import { createTestAgent } from './testing/test-agent.ts'
import { type TestStore, createTestStore } from './testing/test-store.ts'

let store: TestStore
let rating: Rating
let address: string
const logger = { info: () => {}, warn: () => {}, error: () => {} }
const agent = createTestAgent('one')
const cpu = agent.define('host:a', 'host.cpu.used', 'ms')
const T = Date.UTC(2026, 0, 1)

beforeAll(async () => {
  store = await createTestStore()
  const config = unwrap(readRatingConfig({ VOUCH_DATA_DIR: 'unused', VOUCH_RATING_LISTEN: '127.0.0.1:0', VOUCH_TLS: 'off', VOUCH_CLICKHOUSE_DATABASE: store.database }))
  rating = createRating({ config, clickhouse: () => store.connect(), logger })
  address = (await rating.start()).address
  await store.define(agent, [cpu])
  const batches = [0, 1, 2, 3].map((n) =>
    agent.seal([0, 1, 2].map((i) => {
      const k = n * 3 + i
      return { stream: cpu, epoch: 1n, timeMs: T + k * 600_000, register: BigInt(k * 1000), spanMs: k === 0 ? 0 : 600_000 }
    })),
  )
  await store.insert(agent, batches)
}, 60_000)
afterAll(async () => {
  await rating.stop()
  await store.dispose()
})

test('rates', async () => {
  const client = makeClient(RatingService, address, credentials.createInsecure())
  const usage = await client.getUsage(create(GetUsageRequestSchema, { resource: 'host:a', period: { fromMs: BigInt(T), toMs: BigInt(T + 3_600_000) } }))
  console.log(JSON.stringify(usage, (_, v) => typeof v === 'bigint' ? String(v) : v instanceof Uint8Array ? Buffer.from(v).toString('hex') : v, 1))
  const request = create(RateRequestSchema, {
    period: { fromMs: BigInt(T + 1000), toMs: BigInt(T + 3_700_000) },
    tariff: { tariffId: 't', version: 1, currency: 'EUR', amountRounding: 'half-up', prices: [{ itemId: 'cpu', model: { case: 'perUnit', value: { unitPrice: '0.05' } } }],
      items: [{ itemId: 'cpu', version: 1, name: 'CPU', meter: 'host.cpu.used', unit: 'core-second', quantityRounding: { mode: 'half-even', scale: 6 } }] },
    assignments: [{ resource: 'host:a', period: { fromMs: BigInt(T), toMs: BigInt(T + 7_200_000) } }],
  })
  const charges = await client.rate(request)
  console.log(JSON.stringify(charges, (_, v) => typeof v === 'bigint' ? String(v) : v instanceof Uint8Array ? Buffer.from(v).toString('hex') : v, 1))
  expect(toBinary(RateResponseSchema, await client.rate(request))).toEqual(toBinary(RateResponseSchema, charges))
  const digests = charges.charges[0]!.usage[0]!.epochs.flatMap((e) => [e.opening!.before!, e.closing!.before!, e.closing!.after!].map((r) => r.batchDigest))
  const items: GetEvidenceResponse[] = []
  for await (const item of client.getEvidence(create(GetEvidenceRequestSchema, { batchDigests: digests }))) items.push(item)
  console.log(items.map((i) => i.kind.case))
  client.close()
})
