import { type MessageInitShape, create } from '@bufbuild/protobuf'
import { credentials } from '@grpc/grpc-js'
import {
  CheckTariffRequestSchema,
  GetEvidenceRequestSchema,
  GetUsageRequestSchema,
  MeasureRequestSchema,
  RateRequestSchema,
  RatingService,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { type Fault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { type Client, faultOfError, makeClient } from '@vouch/proto/wire/grpc.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { usageTable } from './grpc/print-usage.ts'
import { type Rating, type RatingConfig, createRating, readRatingConfig } from './index.ts'
import { BILLED, measuredHost } from './testing/test-month.ts'
import { TARIFF } from './testing/test-proof.ts'
import { type TestStore, createTestStore } from './testing/test-store.ts'

let store: TestStore
let rating: Rating
let address: string
let httpAddress: string | undefined
let client: Client<(typeof RatingService)['method']>
const logger = { info: () => {}, warn: () => {}, error: () => {} }
const host = measuredHost('a')
const period = { fromMs: BigInt(BILLED.from), toMs: BigInt(BILLED.to) }
const place = { period, inForce: period, timeZone: 'Europe/Berlin' }

const configOf = (env: Record<string, string>): RatingConfig =>
  unwrap(
    readRatingConfig({
      VOUCH_DATA_DIR: 'unused',
      VOUCH_TLS: 'off',
      VOUCH_CLICKHOUSE_DATABASE: store.database,
      ...env,
    }),
  )
const open = (env: Record<string, string>): Rating =>
  createRating({ config: configOf(env), clickhouse: () => store.connect(), logger })

beforeAll(async () => {
  store = await createTestStore()
  await store.define(host.agent, host.streams)
  await store.insert(host.agent, host.batches)
  rating = open({ VOUCH_RATING_LISTEN: '127.0.0.1:0', VOUCH_RATING_HTTP_LISTEN: '127.0.0.1:0' })
  const started = await rating.start()
  address = started.address
  httpAddress = started.httpAddress
  client = makeClient(RatingService, address, credentials.createInsecure())
}, 60_000)
afterAll(async () => {
  client.close()
  await rating.stop()
  await store.dispose()
})

const faultOf = async (call: Promise<unknown>): Promise<Fault> =>
  call.then(
    () => expect.fail('the call should not succeed'),
    (error: unknown) => faultOfError(error),
  )
const assigned = (...resources: string[]) => resources.map((resource) => ({ resource, period }))

describe('a request that cannot be answered ends with its fault', () => {
  test.each([
    ['no period', { resource: 'host:a' }, 'FIELD_MISSING', '/period'],
    [
      'a period that ends before it begins',
      { resource: 'host:a', period: { fromMs: 2n, toMs: 1n } },
      'PERIOD_REVERSED',
      '/period',
    ],
    [
      'a period far out',
      { resource: 'host:a', period: { fromMs: 0n, toMs: 2n ** 62n } },
      'INSTANT_INVALID',
      '/period',
    ],
    ['a malformed resource', { resource: 'host a', period }, 'FIELD_INVALID', '/resource'],
  ])('GetUsage: %s', async (_, request, code, pointer) => {
    expect(await faultOf(client.getUsage(create(GetUsageRequestSchema, request)))).toMatchObject({
      code,
      pointer,
    })
  })

  test.each([
    ['no tariff', { ...place, assignments: assigned('host:a') }, 'FIELD_MISSING', '/tariff'],
    [
      'a wrong tariff',
      { ...place, tariff: { ...TARIFF, currency: 'XXX' }, assignments: assigned('host:a') },
      'TARIFF_INVALID',
      undefined,
    ],
    [
      'a resource twice',
      { ...place, tariff: TARIFF, assignments: assigned('host:a', 'host:a') },
      'ASSIGNMENT_OVERLAP',
      undefined,
    ],
    [
      'a resource and one below it',
      { ...place, tariff: TARIFF, assignments: assigned('host:a/disk:x', 'host:a') },
      'ASSIGNMENT_OVERLAP',
      undefined,
    ],
    [
      'a stretch beyond the period',
      { ...place, inForce: { fromMs: 0n, toMs: 1n }, tariff: TARIFF },
      'FIELD_INVALID',
      '/inForce',
    ],
    ['an unknown zone', { ...place, timeZone: 'Mars/Olympus', tariff: TARIFF }, 'ZONE_UNKNOWN', '/timeZone'],
    [
      'a share of more than all',
      { ...place, tariff: TARIFF, assignments: [{ resource: 'host:a', period, share: '1.5' }] },
      'OUT_OF_RANGE',
      '/assignments/0/share',
    ],
  ])('Measure: %s', async (_, request, code, pointer) => {
    const fault = await faultOf(client.measure(create(MeasureRequestSchema, request)))
    expect(fault).toMatchObject({ code, ...(pointer === undefined ? {} : { pointer }) })
  })

  test('Rate: no snapshot', async () => {
    const request = create(RateRequestSchema, { tariff: TARIFF })
    expect(await faultOf(client.rate(request))).toMatchObject({ code: 'FIELD_MISSING', pointer: '/snapshot' })
  })

  test('CheckTariff: every fault with its pointer', async () => {
    const tariff = { ...TARIFF, amountRounding: 'round', rules: [{ id: 'a', kind: 'fee' }] }
    const { faults } = await client.checkTariff(create(CheckTariffRequestSchema, { tariff }))
    expect(faults.map(({ code, pointer }) => `${pointer} ${code}`).toSorted()).toEqual([
      '/amountRounding FIELD_INVALID',
      '/items/0/itemId TARIFF_INVALID',
      '/items/1/itemId TARIFF_INVALID',
      '/rules/0/amount FIELD_MISSING',
    ])
  })

  test('CheckTariff: a hundred faults of a tariff, of its form and of its meaning', async () => {
    const rules = Array.from({ length: 100 }, (_, index) =>
      index % 2 === 0
        ? { id: `r${index}`, kind: 'fee' }
        : { id: `r${index}`, kind: 'discount', percent: '101' },
    )
    const tariff = { ...TARIFF, items: [], rules }
    const { faults } = await client.checkTariff(create(CheckTariffRequestSchema, { tariff }))
    expect(faults.map(({ pointer }) => pointer).toSorted()).toEqual(
      rules.map((_, index) => `/rules/${index}/${index % 2 === 0 ? 'amount' : 'percent'}`).toSorted(),
    )
  })

  test('GetUsage: two agents that measured one resource at one time', async () => {
    const twin = measuredHost('twin')
    const copy = twin.agent.define('host:a', 'host.cpu.steal', 'ms')
    const steal = host.agent.define('host:a', 'host.cpu.steal', 'ms')
    for (const [agent, stream] of [
      [twin.agent, copy],
      [host.agent, steal],
    ] as const) {
      const times = [BILLED.from, BILLED.to]
      await store.define(agent, [stream])
      await store.insert(agent, [
        agent.seal(times.map((timeMs, i) => ({ stream, epoch: 1n, timeMs, register: BigInt(i), spanMs: 0 }))),
      ])
    }
    const request = create(GetUsageRequestSchema, { resource: 'host:a', meter: 'host.cpu.steal', period })
    expect(await faultOf(client.getUsage(request))).toMatchObject({ code: 'USAGE_CONFLICT' })
  })

  test('GetEvidence: an unknown batch', async () => {
    const call = client.getEvidence(create(GetEvidenceRequestSchema, { batchDigests: [new Uint8Array(32)] }))
    expect(await faultOf(Array.fromAsync(call))).toMatchObject({ code: 'EVIDENCE_MISSING' })
  })
})

test('an address in use is PORT_IN_USE', async () => {
  const second = open({ VOUCH_RATING_LISTEN: address })
  expect(await faultOf(second.start())).toMatchObject({ code: 'PORT_IN_USE' })
  await second.stop()
})

test.each([
  ['without TLS outside of loopback', { VOUCH_RATING_LISTEN: '0.0.0.0:0' }, 'CONFIG_INVALID'],
  ['with TLS but no certificate', { VOUCH_RATING_LISTEN: '127.0.0.1:0', VOUCH_TLS: 'on' }, 'CONFIG_MISSING'],
])('the service does not start %s', async (_, env, code) => {
  const refused = open(env)
  expect(await faultOf(refused.start())).toMatchObject({ code })
  await refused.stop()
})

/** Charges for assigned resources, as billing asks for them. */
async function charged(assignments: MessageInitShape<typeof MeasureRequestSchema>['assignments'] = []) {
  const asked = create(MeasureRequestSchema, { ...place, tariff: TARIFF, assignments })
  const { snapshot } = await client.measure(asked)
  return {
    snapshot: snapshot!,
    ...(await client.rate(create(RateRequestSchema, { tariff: TARIFF, snapshot: snapshot! }))),
  }
}

test('an item or resource without streams gives no charge; the rest come in the order of the rules', async () => {
  const { charges, unpriced } = await charged(assigned('host:nobody', 'host:a'))
  expect(charges.map(({ itemId, quantity, amount }) => [itemId, quantity, amount])).toEqual([
    ['cpu', '0.488678', '0.02'],
    ['traffic', '15.223', '0.15'],
  ])
  expect(unpriced).toEqual([])
})

test('a sound tariff may be published', async () => {
  const { faults } = await client.checkTariff(create(CheckTariffRequestSchema, { tariff: TARIFF }))
  expect(faults).toEqual([])
})

test('an assignment bills only its own stretch, and its own share', async () => {
  const half = { fromMs: period.fromMs, toMs: period.fromMs + 1_200_000n }
  const assignments = [{ resource: 'host:a', period: { fromMs: 0n, toMs: half.toMs }, share: '0.25' }]
  const { charges, snapshot } = await charged(assignments)
  expect(charges[0]?.period).toMatchObject(half)
  expect(snapshot.measurements[0]?.streams[0]?.quantity).toBe(`${20n * 31_415n}`)
  // 20 minutes of 31.415 s, a quarter of it, in core-hours.
  expect(charges[0]?.quantity).toBe('0.043632')
})

test('evidence comes over the wire', async () => {
  const call = client.getEvidence(
    create(GetEvidenceRequestSchema, { batchDigests: [host.batches[2]!.digest] }),
  )
  const cases = (await Array.fromAsync(call)).map(({ kind }) => kind.case)
  expect(cases).toEqual(['batch', 'stream', 'stream', 'stream', 'key'])
})

test('probes answer', async () => {
  const get = async (path: string): Promise<[number, string]> => {
    const response = await fetch(`http://${httpAddress}${path}`)
    return [response.status, await response.text()]
  }
  expect(await get('/livez')).toEqual([200, 'ok\n'])
  expect(await get('/readyz')).toEqual([200, 'ok\n'])
  expect((await get('/metrics'))[1]).toContain('process_cpu')
  expect((await get('/other'))[0]).toBe(404)
})

test('usage reads as a table', async () => {
  const usage = await client.getUsage(
    create(GetUsageRequestSchema, { resource: 'host:a', meter: 'host.cpu.used', period }),
  )
  expect(usageTable(usage)).toBe(
    'meter          resource  quantity  unit  spread ms  missing ms\n' +
      'host.cpu.used  host:a     1759240  ms       420000      240000\n',
  )
})
