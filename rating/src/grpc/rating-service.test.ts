import { create } from '@bufbuild/protobuf'
import { Server, ServerCredentials, credentials } from '@grpc/grpc-js'
import {
  GetEvidenceRequestSchema,
  GetUsageRequestSchema,
  PinEvidenceRequestSchema,
  MeasureRequestSchema,
  RateRequestSchema,
  RatingService,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { TariffSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { type Fault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { type Client, faultOfError, makeClient } from '@vouch/proto/wire/grpc.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Archive, UsageStore } from '../rate/ports.ts'
import { TARIFF } from '../testing/test-proof.ts'
import { bind } from '@vouch/proto/wire/listen.ts'
import { addRatingService } from './rating-service.ts'

const REASON = new Error('column register is not text')
const fails = async (): Promise<never> => {
  throw REASON
}
const store: UsageStore = {
  streams: fails,
  resources: fails,
  meters: fails,
  records: fails,
  slots: fails,
  series: fails,
  covered: fails,
}
const archive: Archive = {
  newest: fails,
  find: fails,
  between: fails,
  batches: fails,
  definitions: fails,
  keys: fails,
}
const logged: object[] = []
const logger = { info: () => {}, warn: () => {}, error: (fields: object) => void logged.push(fields) }
const period = { fromMs: 0n, toMs: 1n }
const place = { period, inForce: period, timeZone: 'UTC' }

let server: Server
let client: Client<(typeof RatingService)['method']>
beforeAll(async () => {
  server = new Server()
  addRatingService(server, {
    store,
    archive,
    pins: { pin: fails },
    limits: { linksMax: 1, runsMax: 1 },
    logger,
  })
  const address = unwrap(await bind(server, '127.0.0.1:0', ServerCredentials.createInsecure(), 'none'))
  client = makeClient(RatingService, address, credentials.createInsecure())
})
afterAll(() => {
  client.close()
  server.forceShutdown()
})

const faultOf = async (call: Promise<unknown>): Promise<Fault> =>
  call.then(() => expect.fail('the call should not succeed'), faultOfError)

test.each([
  ['GetUsage', async () => client.getUsage(create(GetUsageRequestSchema, { resource: 'host:a', period }))],
  [
    'Measure',
    async () =>
      client.measure(
        create(MeasureRequestSchema, {
          ...place,
          tariff: TARIFF,
          assignments: [{ resource: 'host:a', period }],
        }),
      ),
  ],
  [
    'PinEvidence',
    async () =>
      client.pinEvidence(
        create(PinEvidenceRequestSchema, {
          document: 'd',
          retainUntilMs: 1n,
          batchDigests: [new Uint8Array(32)],
        }),
      ),
  ],
  [
    'GetEvidence',
    async () =>
      Array.fromAsync(
        client.getEvidence(create(GetEvidenceRequestSchema, { batchDigests: [new Uint8Array(32)] })),
      ),
  ],
])('what nobody expected in %s is in the log whole, and the peer learns only that', async (method, call) => {
  const { code, message } = await faultOf(call())
  expect([code, message]).toEqual(['INTERNAL', 'an unexpected error; the log of rating has it'])
  expect(logged.at(-1)).toEqual({ method, err: REASON })
})

test('a tariff with a thousand faults is refused as one, not as a broken call', async () => {
  const rules = Array.from({ length: 1000 }, (_, i) => ({ id: `rule-${i}`, kind: 'usage', unit: 'furlong' }))
  const tariff = create(TariffSchema, { tariffId: 't', version: 1, currency: 'EUR', rules })
  const request = create(RateRequestSchema, { tariff, snapshot: place })
  expect((await faultOf(client.rate(request))).code).toBe('TARIFF_INVALID')
})
