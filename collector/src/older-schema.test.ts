import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClickHouseClient } from '@clickhouse/client'
import { openEngine, serveEngine } from '@vouch/clickhouse'
import type { Engine, EngineServer } from '@vouch/clickhouse'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clickhouseFactory } from './clickhouse/connect.ts'
import { TestConnection } from './testing/test-agent.ts'
import { startTestCollector } from './testing/test-collector.ts'
import type { TestCollector } from './testing/test-collector.ts'

let directory: string
let engine: Engine
let server: EngineServer
let administrator: ClickHouseClient
let vouch: TestCollector
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vouch-older-schema-'))
  engine = unwrap(await openEngine(directory))
  server = await serveEngine(engine)
  const { url } = server
  const open = clickhouseFactory({ clickhouseUrl: url, dataDir: undefined })
  administrator = await open()
  vouch = await startTestCollector({}, { url, open })
})
afterAll(async () => {
  await vouch.dispose()
  await administrator.close()
  await server.close()
  await engine.close()
  await rm(directory, { recursive: true, force: true })
})

const reading = (index: number) => ({ timeMs: Date.now() - 60_000 + index, register: BigInt(index) })
const run = async (query: string): Promise<void> => void (await administrator.command({ query }))
/** As a backup from before a migration has it: without what that made, and without its record. */
const restore = async (loss: string): Promise<void> => {
  await run(loss)
  if (!loss.includes('DATABASE')) await run('TRUNCATE TABLE vouch.migrations')
}
const readiness = async (): Promise<string> => {
  const response = await fetch(`${vouch.httpAddress}/readyz`)
  return `${response.status} ${await response.text()}`
}

describe('a database that comes back from before a migration is not ready, and says what it lacks:', () => {
  it.each([
    ['a column', 'ALTER TABLE vouch.batches DROP COLUMN receipt', /lacks batches\.receipt/],
    ['a table', 'DROP TABLE vouch.losses SYNC', /lacks losses[,;]/],
    ['everything', 'DROP DATABASE vouch SYNC', /STORE_OLDER_VERSION: .*vouch/],
  ])('%s; a start mends it', async (_, loss, said) => {
    expect(await readiness()).toBe('200 ok\n')
    await restore(loss)
    expect(await readiness()).toMatch(/^503 STORE_OLDER_VERSION: /)
    expect(await readiness()).toMatch(said)
    vouch = await vouch.restart()
    expect(await readiness()).toBe('200 ok\n')
  })

  it.each([
    ['DROP TABLE vouch.batches SYNC', 0n],
    // What was signed is durable, and what follows from it is made up for.
    ['DROP TABLE vouch.segments SYNC', 1n],
    ['DROP DATABASE vouch SYNC', 0n],
  ])(
    'nothing is acknowledged after %s; the batch is taken once the schema is there',
    async (loss, durable) => {
      const agent = await vouch.enrol()
      const connection = await vouch.connect(agent)
      await restore(loss)
      const batch = agent.seal([reading(0), reading(1)])
      connection.batch(batch)
      await expect(connection.receipt(1n)).rejects.toThrow('STORE_OLDER_VERSION')
      vouch = await vouch.restart()
      const again = new TestConnection(vouch.address, agent)
      expect(await again.hello()).toBe(durable)
      again.declare(agent.stream)
      again.batch(batch)
      expect((await again.receipt(1n)).flatMap(({ quarantined }) => quarantined)).toEqual([])
      again.close()
      const rows = (): Promise<unknown[]> =>
        vouch.query(
          `SELECT toString(register) AS register FROM vouch.readings_v1 WHERE stream = unhex('${agent.stream.streamId.toHex()}') ORDER BY time`,
        )
      await expect.poll(rows, { timeout: 20_000 }).toEqual([{ register: '0' }, { register: '1' }])
      const metrics = async (): Promise<string> => (await fetch(`${vouch.httpAddress}/metrics`)).text()
      await expect
        .poll(metrics, { timeout: 20_000 })
        .toMatch(durable === 0n ? /recovered_batches_total 0\n/ : /recovered_batches_total [1-9]/)
    },
  )
})

it('a table that is gone although its migration is on record stops the start, too', async () => {
  await run('DROP TABLE vouch.quarantine SYNC')
  expect(await readiness()).toMatch(/^503 STORE_OLDER_VERSION: .* empty vouch\.migrations and start/)
  await expect(vouch.restart()).rejects.toThrow('STORE_OLDER_VERSION')
  await run('TRUNCATE TABLE vouch.migrations')
  vouch = await vouch.restart()
  expect(await readiness()).toBe('200 ok\n')
})

it('what a newer version added is no obstacle, nor is a table of somebody else that goes', async () => {
  await run('ALTER TABLE vouch.batches ADD COLUMN later String')
  await run('CREATE TABLE vouch.stranger (x UInt8) ENGINE = MergeTree ORDER BY x')
  await run("INSERT INTO vouch.migrations (version, name, checksum) SELECT 9999, '9999-later.sql', 'c0ffee'")
  expect(await readiness()).toBe('200 ok\n')
  await run('DROP TABLE vouch.stranger SYNC')
  expect(await readiness()).toBe('200 ok\n')
})

it.each([
  ['STORE_READ_ONLY', { kind: 'exception', code: 242, name: 'TABLE_IS_READ_ONLY' }],
  ['DISK_FULL', { kind: 'exception', code: 243, name: 'NOT_ENOUGH_SPACE' }],
] as const)('%s of inserts alone shows in the readiness until one works again', async (code, fault) => {
  const agent = await vouch.enrol()
  const connection = await vouch.connect(agent)
  await server.faults.set(fault, { matching: /^\s*INSERT/ })
  const batch = agent.seal([reading(0)])
  connection.batch(batch)
  await expect(connection.receipt(1n)).rejects.toThrow(code)
  expect(await readiness()).toMatch(`503 ${code}`)
  await server.faults.clear()
  expect(await readiness()).toBe('200 ok\n')
})
