import { clone, toBinary } from '@bufbuild/protobuf'
import { EstimateSchema, type Snapshot, SnapshotSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { proofText, sealProof } from '@vouch/proto/seal/proof.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createArchive } from '../clickhouse/archive.ts'
import { createReader } from '../clickhouse/reader.ts'
import { createUsageStore } from '../clickhouse/usage-store.ts'
import { createMemoryStore } from '../testing/memory-store.ts'
import { DAY, MORNING, containers, measured, memory, outage } from '../testing/test-outage.ts'
import { tariffOf } from '../testing/test-day.ts'
import { OTHER_ISSUER, proofOf, snapshotOf } from '../testing/test-proof.ts'
import { type TestStore, createTestStore } from '../testing/test-store.ts'
import { verifyProof } from '../verify/verify.ts'

const HOUR_MS = 3_600_000

describe('an estimate is proven', () => {
  const rules = [memory({ method: 'same-hour' }), containers({ method: 'last-known' })]
  const tariff = tariffOf(rules)
  const sent = [outage('m', [MORNING])]
  const proven = async (change: (snapshot: Snapshot) => void = () => undefined) => {
    const { archive } = createMemoryStore(sent)
    const snapshot = await measured(sent, rules)
    const proof = await proofOf(snapshot, DAY, archive, tariff)
    change(proof.invoice!.statements[0]!.snapshot!)
    const verified = verifyProof(proofText(sealProof(proof, OTHER_ISSUER)))
    return verified.ok ? undefined : verified.fault.pointer
  }
  const at = 'invoice.statements[0].snapshot.estimates[0]'

  test('from the signed readings of the hour', async () => {
    expect(await proven()).toBeUndefined()
  })

  test.each<[string, (snapshot: Snapshot) => void, string]>([
    [
      'what the hour had',
      ({ estimates }) => void (estimates[0]!.reference!.epochs[0]!.quantity += 1n),
      `${at}.reference.epochs[0].quantity`,
    ],
    [
      'whether the hour was measured',
      ({ estimates }) => void (estimates[0]!.reference!.coverage!.missingMs = 1n),
      `${at}.reference.coverage.missingMs`,
    ],
    ['whose hour it was', ({ estimates }) => void (estimates[0]!.resource = 'host:m'), `${at}.resource`],
    [
      'which hour stands in',
      ({ estimates }) => void (estimates[1]!.periods = estimates[2]!.periods),
      'invoice.statements[0].snapshot.estimates[1].periods',
    ],
    [
      'the gap, where it was measured',
      ({ estimates }) => void (estimates[0]!.gap!.fromMs -= 1n),
      `${at}.gap`,
    ],
    [
      'the gap, beyond the period',
      ({ estimates }) => void (estimates[0]!.gap!.toMs = BigInt(DAY.to) + 1n),
      `${at}.gap`,
    ],
    [
      'parts beyond the gap',
      ({ estimates }) => void (estimates[0]!.periods[0]!.fromMs -= 1n),
      `${at}.periods`,
    ],
    ['no parts', ({ estimates }) => void (estimates[0]!.periods = []), `${at}.periods`],
    ['the method', ({ estimates }) => void (estimates[0]!.method = 'guess'), `${at}.method`],
    ['the measurement', ({ estimates }) => void (estimates[0]!.measurement = 7), `${at}.measurement`],
    [
      'an estimate twice',
      ({ estimates }) => void estimates.push(estimates[0]!),
      'invoice.statements[0].snapshot.estimates[5].periods',
    ],
    [
      'an estimate doubled, a millisecond later',
      ({ estimates }) => {
        const again = clone(EstimateSchema, estimates[0]!)
        again.periods[0]!.fromMs += 1n
        estimates.push(again)
      },
      'invoice.statements[0].snapshot.estimates[5].periods',
    ],
    [
      'a gap in two that are shorter',
      ({ estimates }) => void (estimates[0]!.gap!.toMs -= BigInt(HOUR_MS)),
      `${at}.gap`,
    ],
    [
      'an estimate left out',
      ({ estimates }) => void estimates.pop(),
      'invoice.lines[0].charge.coverage.estimatedMs',
    ],
  ])('%s cannot be changed', async (_, change, path) => {
    expect(await proven(change)).toBe(path)
  })
})

describe('on ClickHouse', () => {
  let store: TestStore
  beforeAll(async () => {
    store = await createTestStore()
  })
  afterAll(() => store.dispose())

  test('the estimates are those of plain arrays, byte for byte', async () => {
    const sent = [
      outage('m', [MORNING, { from: 40, to: 41.5 }]),
      outage('n', [{ from: 23, to: 30 }], { from: 5, to: 26 }),
    ]
    for (const { agent, streams, batches } of sent) {
      await store.define(agent, streams)
      await store.insert(agent, batches)
    }
    const reader = createReader(() => store.connect(), store.database, 2)
    const sources = { store: createUsageStore(reader), archive: createArchive(reader) }
    const tariff = tariffOf([memory({ method: 'same-hour' }), containers({ method: 'last-known' })])
    const resources = ['host:m', 'host:n']
    const stored = await snapshotOf(resources, DAY, sources, tariff)
    expect(stored.estimates.length).toBeGreaterThan(8)
    const plain = await snapshotOf(resources, DAY, createMemoryStore(sent), tariff)
    await reader.close()
    expect(toBinary(SnapshotSchema, stored)).toEqual(toBinary(SnapshotSchema, plain))
  })
})
