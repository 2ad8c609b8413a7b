import { toBinary } from '@bufbuild/protobuf'
import { RegisterKind } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { SnapshotSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Sent, createMemoryStore } from '../testing/memory-store.ts'
import { type Sample, type TestBatch, createTestAgent } from '../testing/test-agent.ts'
import { measuredHost } from '../testing/test-month.ts'
import { RANKED, TARIFF, collectEvidence, snapshotOf } from '../testing/test-proof.ts'
import { type TestStore, createTestStore } from '../testing/test-store.ts'
import { streamUsage } from '../usage/stream-usage.ts'
import { createArchive } from './archive.ts'
import { type Reader, createReader } from './reader.ts'
import { createUsageStore } from './usage-store.ts'

const HOUR_MS = 3_600_000
const START_MS = Date.UTC(2026, 1, 28, 20)
const HOURS = 9

/** Readings at odd times over the end of a month, with resets, holes and readings on whole hours. */
function wanderingHost(name: string, seed: number): Sent {
  const agent = createTestAgent(name)
  const streams = ['a', 'b', 'c'].map((disk) =>
    agent.define(`host:${name}/disk:${disk}`, 'host.disk.read', 'B', RegisterKind.COUNTER),
  )
  const batches: TestBatch[] = []
  let state = seed
  const next = (bound: number): number => (state = (state * 48_271) % 2_147_483_647) % bound
  for (const stream of streams) {
    let [timeMs, epoch, register] = [START_MS + next(HOUR_MS), 1n, BigInt(next(1000))]
    let samples: Sample[] = [{ stream, epoch, timeMs, register, spanMs: 0 }]
    while (timeMs < START_MS + HOURS * HOUR_MS) {
      const step =
        next(8) === 0 ? HOUR_MS - (timeMs % HOUR_MS) : 1 + next(next(6) === 0 ? 3 * HOUR_MS : 600_000)
      const reset = next(7) === 0
      timeMs += step
      epoch += reset ? 1n : 0n
      register = reset ? 0n : register + BigInt(next(1_000_000_000))
      samples.push({ stream, epoch, timeMs, register, spanMs: reset ? 0 : next(3) === 0 ? next(step) : step })
      if (samples.length < 4) continue
      batches.push(agent.seal(samples))
      samples = []
    }
    if (samples.length > 0) batches.push(agent.seal(samples))
  }
  return { agent, streams, batches }
}

/** Read twice, days apart: whatever is asked in between lies in one long step. */
function silentHost(): Sent {
  const agent = createTestAgent('silent')
  const stream = agent.define('host:silent', 'host.disk.read', 'B', RegisterKind.COUNTER)
  const at = (hours: number, register: bigint): Sample => {
    return { stream, epoch: 1n, timeMs: START_MS + hours * HOUR_MS + 137, register, spanMs: 0 }
  }
  const batches = [agent.seal([at(-30, 5n), at(-26, 700n)]), agent.seal([at(40, 10_000_000n)])]
  return { agent, streams: [stream], batches }
}

/** Other histories in each run; to see one again, its seeds go into VOUCH_TEST_SEEDS, such as `7 1234`. */
const [first = 7, second = 1234] = (process.env['VOUCH_TEST_SEEDS'] ?? '')
  .split(' ')
  .flatMap((text) => (text === '' ? fc.sample(fc.integer({ min: 1, max: 2 ** 31 - 2 }), 2) : Number(text)))
process.stderr.write(`histories of the seeds ${first} ${second}\n`)

let engine: TestStore
let reader: Reader
const hosts = [wanderingHost('one', first), wanderingHost('two', second), measuredHost('a'), silentHost()]
const memory = createMemoryStore(hosts)

beforeAll(async () => {
  engine = await createTestStore()
  reader = createReader(() => engine.connect(), engine.database, 2)
  for (const { agent, streams, batches } of hosts) {
    await engine.define(agent, streams)
    // Backwards, then again in the order sent: neither order nor repetition may show.
    for (const batch of batches.toReversed()) await engine.insert(agent, [batch])
    await engine.insert(agent, batches)
  }
}, 60_000)
afterAll(async () => {
  await reader.close()
  await engine.dispose()
})

const instant = fc.oneof(
  fc.integer({ min: -1, max: HOURS + 1 }).map((hour) => START_MS + hour * HOUR_MS),
  fc.integer({ min: -HOUR_MS, max: (HOURS + 1) * HOUR_MS }).map((ms) => START_MS + ms),
  fc.constantFrom(
    ...hosts.flatMap(({ batches }) => batches.flatMap(({ samples }) => samples.map(({ timeMs }) => timeMs))),
  ),
)
const periods = fc.tuple(instant, instant).filter(([a, b]) => a !== b)
const periodOf = ([a, b]: readonly [number, number]): Period => ({ from: Math.min(a, b), to: Math.max(a, b) })

test('ClickHouse answers what the slow way over plain arrays answers', async () => {
  const store = createUsageStore(reader)
  const streams = unwrap(await store.streams(['host:one', 'host:two', 'host:a'], []))
  expect(streams).toHaveLength(9)
  await fc.assert(
    fc.asyncProperty(periods, async (ends) => {
      const period = periodOf(ends)
      expect(unwrap(await store.records(streams, period))).toEqual(
        unwrap(await memory.store.records(streams, period)),
      )
    }),
    { numRuns: 60 },
  )
}, 60_000)

test('usage of neighbouring periods adds up to the whole', async () => {
  const store = createUsageStore(reader)
  const streams = unwrap(await store.streams(['host:one'], ['host.disk.read']))
  const total = async (period: Period): Promise<bigint> => {
    const records = unwrap(await store.records(streams, period))
    return records.reduce((sum, record) => sum + streamUsage(record, period).quantity, 0n)
  }
  await fc.assert(
    fc.asyncProperty(periods, instant, async (ends, middle) => {
      const { from, to } = periodOf(ends)
      fc.pre(from < middle && middle < to)
      expect((await total({ from, to: middle })) + (await total({ from: middle, to }))).toBe(
        await total({ from, to }),
      )
    }),
    { numRuns: 15 },
  )
}, 60_000)

test('usage is cut where the slow way cuts it', async () => {
  const store = createUsageStore(reader)
  const streams = unwrap(await store.streams(['host:one', 'host:two', 'host:a'], []))
  await fc.assert(
    fc.asyncProperty(periods, fc.uniqueArray(instant, { maxLength: 40 }), async (ends, instants) => {
      const period = periodOf(ends)
      const cuts = instants.filter((ms) => period.from < ms && ms < period.to).toSorted((a, b) => a - b)
      expect(unwrap(await store.records(streams, period, cuts))).toEqual(
        unwrap(await memory.store.records(streams, period, cuts)),
      )
    }),
    { numRuns: 40 },
  )
}, 60_000)

test('steps of the calendar grow as the slow way has it, and sum to the whole', async () => {
  const store = createUsageStore(reader)
  const streams = unwrap(await store.streams(['host:one', 'host:two', 'host:a', 'host:silent'], []))
  const plain = (series: Awaited<ReturnType<typeof store.series>>) =>
    new Map(
      unwrap(series).map(({ stream, steps }) => [
        stream.streamId,
        steps.map(({ quantity, isMeasured }) => (isMeasured ? quantity : undefined)),
      ]),
    )
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(instant, { minLength: 2, maxLength: 30 }), async (instants) => {
      const edges = instants.toSorted((a, b) => a - b)
      const found = plain(await store.series(streams, edges))
      const expected = plain(await memory.store.series(streams, edges))
      for (const { streamId } of streams) {
        const nothing = edges.slice(1).map(() => undefined)
        expect(found.get(streamId) ?? nothing).toEqual(expected.get(streamId) ?? nothing)
      }
    }),
    { numRuns: 60 },
  )
}, 60_000)

test('minutes covered are those of the lattice, hour by hour and from half past', async () => {
  const store = createUsageStore(reader)
  const streams = unwrap(await store.streams(['host:a'], ['host.cpu.used']))
  for (const offset of [0, 1_800_000]) {
    const edges = [0, 1, 2].map((hour) => Date.UTC(2026, 2, 1) + hour * HOUR_MS + offset)
    expect([...unwrap(await store.covered(streams, edges))]).toEqual([
      ...unwrap(await memory.store.covered(streams, edges)),
    ])
  }
})

test('minutes covered of any steps, within an hour and over hours, are those of plain arrays', async () => {
  const store = createUsageStore(reader)
  const streams = unwrap(await store.streams(['host:a'], []))
  const minute = fc.integer({ min: 0, max: 240 }).map((offset) => Date.UTC(2026, 1, 28, 23) + offset * 60_000)
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(minute, { minLength: 2, maxLength: 12 }), async (instants) => {
      const edges = instants.toSorted((a, b) => a - b)
      const found = unwrap(await store.covered(streams, edges))
      const expected = unwrap(await memory.store.covered(streams, edges))
      for (const { streamId } of streams) {
        const nothing = edges.slice(1).map(() => 0)
        expect(found.get(streamId) ?? nothing).toEqual(expected.get(streamId) ?? nothing)
      }
    }),
    { numRuns: 60 },
  )
}, 60_000)

test.each([
  ['of a tariff by the unit', TARIFF, ['host:a']],
  ['of percentiles', RANKED, ['host:a', 'host:one', 'host:two']],
])('snapshots and evidence %s are the same bytes as from plain arrays', async (_, tariff, resources) => {
  const period = { from: Date.UTC(2026, 2, 1), to: Date.UTC(2026, 2, 1, 1) }
  const own = { store: createUsageStore(reader), archive: createArchive(reader) }
  const measured = await snapshotOf(resources, period, own, tariff)
  const expected = await snapshotOf(resources, period, memory, tariff)
  expect(measured.measurements.length).toBeGreaterThan(1)
  expect(toBinary(SnapshotSchema, measured)).toEqual(toBinary(SnapshotSchema, expected))
  expect(await collectEvidence(measured, own.archive)).toEqual(
    await collectEvidence(expected, memory.archive),
  )
})

test('resources that measured are listed page by page, and meters with their resources, as the slow way has them', async () => {
  const store = createUsageStore(reader)
  await fc.assert(
    fc.asyncProperty(periods, fc.integer({ min: 1, max: 4 }), async (ends, limit) => {
      const period = periodOf(ends)
      const all = unwrap(await memory.store.resources(period, '', 100))
      const pages: string[] = []
      for (let page: string[] = ['']; page.length > 0;) {
        page = unwrap(await store.resources(period, page.at(-1)!, limit))
        pages.push(...page)
      }
      expect(pages).toEqual(all)
      expect(await store.meters(period)).toEqual(await memory.store.meters(period))
    }),
    { numRuns: 20 },
  )
})

describe('a resource', () => {
  test.each([
    ['itself', ['host:one/disk:a'], 1],
    ['everything below it', ['host:one'], 3],
    ['nothing beside it', ['host:on'], 0],
    ['several', ['host:one/disk:a', 'host:two'], 4],
  ])('includes %s', async (_, resources, count) => {
    expect(unwrap(await createUsageStore(reader).streams(resources, []))).toHaveLength(count)
  })

  test('is narrowed by meter', async () => {
    expect(unwrap(await createUsageStore(reader).streams(['host:a'], ['host.cpu.used']))).toHaveLength(1)
  })
})

test('a reading whose batch has gone is EVIDENCE_MISSING', async () => {
  const lonely = wanderingHost('lonely', 99)
  await engine.define(lonely.agent, lonely.streams)
  await engine.insert(lonely.agent, lonely.batches)
  await engine.command(
    `ALTER TABLE ${engine.database}.batches DELETE WHERE agent = unhex('${lonely.agent.agentId.toHex()}') SETTINGS mutations_sync = 1`,
  )
  const store = createUsageStore(reader)
  const streams = unwrap(await store.streams(['host:lonely'], []))
  const answer = await store.records(streams, { from: START_MS, to: START_MS + HOURS * HOUR_MS })
  expect(answer).toMatchObject({ ok: false, fault: { code: 'EVIDENCE_MISSING' } })
})

test('a batch between those of the ends has gone: slots are EVIDENCE_MISSING', async () => {
  const holed = wanderingHost('holed', 5)
  await engine.define(holed.agent, holed.streams)
  await engine.insert(holed.agent, holed.batches)
  const store = createUsageStore(reader)
  const [stream] = unwrap(await store.streams(['host:holed'], []))
  const period = { from: START_MS + HOUR_MS, to: START_MS + (HOURS - 1) * HOUR_MS }
  const records = unwrap(await store.records([stream!], period))
  expect((await store.slots(records, period, 300_000)).ok).toBe(true)
  const middle = holed.batches.find(({ samples }) =>
    samples.every(
      ({ stream: own, timeMs }) =>
        own.streamId.toHex() === stream!.streamId && timeMs > period.from && timeMs < period.to,
    ),
  )!
  await engine.command(
    `ALTER TABLE ${engine.database}.batches DELETE WHERE digest = unhex('${middle.digest.toHex()}') SETTINGS mutations_sync = 1`,
  )
  expect(await store.slots(records, period, 300_000)).toMatchObject({
    fault: { code: 'EVIDENCE_MISSING', message: expect.stringContaining('slots') },
  })
})

test('a database that is not there is STORE_UNAVAILABLE', async () => {
  const stray = createReader(() => engine.connect(), 'no_such_database', 1)
  expect(await createUsageStore(stray).streams(['host:a'], [])).toMatchObject({
    ok: false,
    fault: { code: 'STORE_UNAVAILABLE' },
  })
  await stray.close()
})
