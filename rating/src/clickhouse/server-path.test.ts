import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Engine, type EngineServer, openEngine, serveEngine } from '@vouch/clickhouse'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createMemoryStore } from '../testing/memory-store.ts'
import { BILLED, measuredHost } from '../testing/test-month.ts'
import { type SlotReadings, slotRuns } from '../usage/slots.ts'
import { type TestStore, createTestStore } from '../testing/test-store.ts'
import { clickhouseFactory } from './connect.ts'
import { type Reader, createReader } from './reader.ts'
import { createUsageStore } from './usage-store.ts'

let directory: string
let engine: Engine
let server: EngineServer
let store: TestStore
let reader: Reader
const host = measuredHost('a')

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vouch-rating-server-'))
  engine = unwrap(await openEngine(directory))
  server = await serveEngine(engine)
  process.env['VOUCH_TEST_CLICKHOUSE_URL'] = server.url
  store = await createTestStore()
  await store.define(host.agent, host.streams)
  await store.insert(host.agent, host.batches)
  reader = createReader(
    clickhouseFactory({ clickhouseUrl: server.url, dataDir: undefined }),
    store.database,
    2,
  )
}, 60_000)
afterAll(async () => {
  await reader.close()
  await store.dispose()
  await server.close()
  await engine.close()
  await rm(directory, { recursive: true, force: true })
})

test('a server answers what plain arrays answer', async () => {
  const usage = createUsageStore(reader)
  const streams = unwrap(await usage.streams(['host:a'], []))
  const { store: memory } = createMemoryStore([host])
  expect(unwrap(await usage.records(streams, BILLED))).toEqual(unwrap(await memory.records(streams, BILLED)))
})

test.each([300_000, 600_000])(
  'slots of %d ms follow from the same readings as in plain arrays',
  async (slotMs) => {
    const usage = createUsageStore(reader)
    const streams = unwrap(await usage.streams(['host:a'], []))
    const { store: memory } = createMemoryStore([host])
    const records = unwrap(await memory.records(streams, BILLED))
    const [ours, plain] = [usage, memory].map((each) => each.slots(records, BILLED, slotMs))
    const [found, expected] = [unwrap(await ours!), unwrap(await plain!)]
    const runsOf = ({ epochs }: SlotReadings) =>
      streams.map(({ streamId }) => slotRuns(epochs.get(streamId) ?? [], BILLED, slotMs))
    expect(runsOf(found)).toEqual(runsOf(expected))
    expect(
      runsOf(found)
        .flat()
        .flatMap(({ quantities }) => quantities)
        .some((grown) => grown > 0n),
    ).toBe(true)
    expect(found.batches).toEqual(expected.batches)
  },
)

test('more questions than clients wait their turn', async () => {
  const usage = createUsageStore(reader)
  const answers = await Promise.all(Array.from({ length: 20 }, async () => usage.streams(['host:a'], [])))
  expect(answers.map((answer) => answer.ok && answer.value.length)).toEqual(
    Array.from({ length: 20 }, () => 3),
  )
})

test.each([
  ['refuses connections', { kind: 'refuse' }],
  ['is out of memory', { kind: 'exception', code: 241, name: 'MEMORY_LIMIT_EXCEEDED' }],
  ['hides behind a broken proxy', { kind: 'garbage' }],
  ['cuts the connection before the answer', { kind: 'lose-answer' }],
] as const)('a server that %s is STORE_UNAVAILABLE until it is sound again', async (_, fault) => {
  const usage = createUsageStore(reader)
  await server.faults.set(fault)
  expect(await usage.streams(['host:a'], [])).toMatchObject({
    ok: false,
    fault: { code: 'STORE_UNAVAILABLE' },
  })
  const counted = { sql: 'SELECT count() OVER () FROM numbers(3)', params: {} }
  expect(await reader.binary(counted, () => 0)).toMatchObject({ fault: { code: 'STORE_UNAVAILABLE' } })
  await server.faults.clear()
  expect(await usage.streams(['host:a'], [])).toMatchObject({ ok: true })
})
