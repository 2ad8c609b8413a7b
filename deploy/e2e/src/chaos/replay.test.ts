import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toJsonString } from '@bufbuild/protobuf'
import { openEngine } from '@vouch/clickhouse'
import type { Engine } from '@vouch/clickhouse'
import { createCollector, readCollectorConfig } from '@vouch/collector/index.ts'
import type { Collector } from '@vouch/collector/index.ts'
import { createTestDatabase } from '@vouch/postgres'
import type { TestDatabase } from '@vouch/postgres'
import { GetUsageResponseSchema } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { askUsage, wholeHours } from './ask-usage.ts'
import { captureBatches } from './capture.ts'
import type { Capture, CapturedRun } from './capture.ts'
import { deliver } from './courier.ts'
import { seededRandom, shuffled } from './random.ts'
import { readStored } from './signed-history.ts'
import type { Stored } from './signed-history.ts'

const RESOURCE = 'host:replayed'
const SEED = 42
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

let directory: string
let engine: Engine
let postgres: TestDatabase
let capture: Capture
let expected: Dump

/** Everything that a customer could be billed by, and everything that is stored. */
interface Dump extends Omit<Stored, 'batches'> {
  readonly usage: readonly string[]
  readonly digests: readonly string[]
}

const newCollector = (database: string): Collector => {
  const environment = {
    VOUCH_TLS: 'off',
    VOUCH_COLLECTOR_LISTEN: '127.0.0.1:0',
    VOUCH_DATA_DIR: directory,
    VOUCH_CLICKHOUSE_DATABASE: database,
    VOUCH_DATABASE_URL: postgres.url,
    // Every refused delivery is a connection of its own here, and some end at the same time.
    VOUCH_COLLECTOR_CONNECTIONS_PER_AGENT_MAX: '16',
  }
  const config = unwrap(readCollectorConfig(environment))
  return createCollector({
    config,
    clickhouse: () => engine.connect(),
    postgresUrl: postgres.url,
    logger: silent,
  })
}

/** Delivers to a collector with an empty store, and dumps what came of it. */
async function dumpAfter(database: string, delivery: (address: string) => Promise<void>): Promise<Dump> {
  const collector = newCollector(database)
  const { address } = await collector.start()
  try {
    await delivery(address)
  } finally {
    await collector.stop()
  }
  const { fromMs, toMs } = capture
  const periods = [
    { fromMs, toMs },
    wholeHours({ fromMs, toMs }),
    // Cuts between readings, inside of a run.
    { fromMs: fromMs + 301, toMs: toMs - 307 },
  ]
  const answers = await askUsage(engine, database, RESOURCE, periods)
  const { batches, ...stored } = await readStored(await engine.connect(), database, capture.signer.publicKey)
  const digests = batches.map(({ digest }) => digest).toSorted()
  return { ...stored, usage: answers.map((answer) => toJsonString(GetUsageResponseSchema, answer)), digests }
}

async function inOrder(address: string): Promise<void> {
  for (const run of capture.runs) expect(await deliver(address, capture, run, run.batches)).toBe('delivered')
}

/** Each batch over a connection of its own. */
async function oneByOne(
  address: string,
  run: CapturedRun,
  batches: CapturedRun['batches'],
): Promise<string[]> {
  const outcomes: string[] = []
  for (const batch of batches) outcomes.push(await deliver(address, capture, run, [batch]))
  return outcomes
}

/** Small things first, so that a failure says what is the matter. */
function expectSame(dump: Dump): void {
  expect(dump.quarantined).toEqual([])
  expect(dump.digests).toEqual(expected.digests)
  expect(dump.rows.length).toBe(expected.rows.length)
  expect(dump.usage).toEqual(expected.usage)
  expect(dump).toEqual(expected)
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vouch-replay-'))
  engine = unwrap(await openEngine(join(directory, 'clickhouse')))
  postgres = await createTestDatabase()
  capture = await captureBatches(newCollector('capture'), RESOURCE)
  expected = await dumpAfter('once', inOrder)
})
afterAll(async () => {
  await engine.close()
  await postgres.dispose()
  await rm(directory, { recursive: true, force: true })
})

test('delivered once, every signed reading is stored and billed', () => {
  expect(capture.runs.map(({ batches }) => batches.length)).toEqual([7, 7, 7])
  expect(expected.digests).toHaveLength(21)
  expect(expected.rows.length).toBeGreaterThan(200)
  expect(expected.quarantined).toEqual([])
  expect(expected.usage[0]).toMatch(/"meter":"host.cpu.used","unit":"ms","quantity":"[1-9]/)
})

test('twice in a row, and each batch twice on one connection', async () => {
  const dump = await dumpAfter('twice', async (address) => {
    await inOrder(address)
    await inOrder(address)
    for (const run of capture.runs) {
      const doubled = run.batches.flatMap((batch) => [batch, batch])
      expect(await deliver(address, capture, run, doubled)).toBe('delivered')
    }
  })
  expectSame(dump)
})

test('backwards', async () => {
  const dump = await dumpAfter('backwards', async (address) => {
    for (const run of capture.runs) {
      const outcomes = await oneByOne(address, run, run.batches.toReversed())
      expect(outcomes.slice(0, -1)).toEqual(run.batches.slice(1).map(() => 'SEQUENCE_GAP'))
      expect(outcomes.at(-1)).toBe('delivered')
      expect(await deliver(address, capture, run, run.batches.toReversed())).toBe('SEQUENCE_GAP')
      expect(await deliver(address, capture, run, run.batches)).toBe('delivered')
    }
    for (const run of capture.runs.toReversed()) {
      const outcomes = await oneByOne(address, run, run.batches.toReversed())
      expect(new Set(outcomes)).toEqual(new Set(['delivered']))
    }
  })
  expectSame(dump)
})

test('shuffled, with every batch several times', async () => {
  const random = seededRandom(SEED)
  const dump = await dumpAfter('shuffled', async (address) => {
    for (const run of capture.runs) {
      await oneByOne(address, run, shuffled(run.batches, random))
      expect(await deliver(address, capture, run, run.batches)).toBe('delivered')
    }
    const again = capture.runs.flatMap((run) => run.batches.map((batch) => ({ run, batch })))
    for (const { run, batch } of shuffled([...again, ...again], random)) {
      expect(await deliver(address, capture, run, [batch])).toBe('delivered')
    }
  })
  expectSame(dump)
})

test('through two connections at once', async () => {
  const dump = await dumpAfter('connections', async (address) => {
    for (const run of capture.runs) {
      const both = [run.batches, run.batches.flatMap((batch) => [batch, batch])]
      const outcomes = await Promise.all(both.map((batches) => deliver(address, capture, run, batches)))
      expect(outcomes).toEqual(['delivered', 'delivered'])
    }
    const all = await Promise.all(capture.runs.map((run) => deliver(address, capture, run, run.batches)))
    expect(all).toEqual(['delivered', 'delivered', 'delivered'])
  })
  expectSame(dump)
})

test.each<[string, (address: string) => Promise<unknown>]>([
  [
    'backwards',
    async (address) => {
      for (const run of capture.runs.toReversed()) await deliver(address, capture, run, run.batches)
    },
  ],
  [
    'at once',
    (address) => Promise.all(capture.runs.map((run) => deliver(address, capture, run, run.batches))),
  ],
])('whole runs %s, before their turn', async (order, disorder) => {
  const dump = await dumpAfter(`runs_${order.replace(' ', '_')}`, async (address) => {
    await disorder(address)
    await inOrder(address)
  })
  expectSame(dump)
})

test('a dump that differs by one reading is told apart', async () => {
  const dump = await dumpAfter('short', async (address) => {
    const [first] = capture.runs
    expect(await deliver(address, capture, first!, first!.batches.slice(0, -1))).toBe('delivered')
  })
  expect(dump.usage[0]).not.toBe(expected.usage[0])
})
