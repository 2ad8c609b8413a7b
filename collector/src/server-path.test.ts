import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEngine, serveEngine } from '@vouch/clickhouse'
import type { Engine, EngineServer, Fault } from '@vouch/clickhouse'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { clickhouseFactory } from './clickhouse/connect.ts'
import { TestConnection } from './testing/test-agent.ts'
import { startTestCollector } from './testing/test-collector.ts'
import type { TestCollector } from './testing/test-collector.ts'

let directory: string
let engine: Engine
let server: EngineServer
let vouch: TestCollector
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vouch-server-path-'))
  engine = unwrap(await openEngine(directory))
  server = await serveEngine(engine)
  const { url } = server
  vouch = await startTestCollector(
    {},
    { url, open: clickhouseFactory({ clickhouseUrl: url, dataDir: undefined }) },
  )
})
afterEach(() => server.faults.clear())
afterAll(async () => {
  await vouch.dispose()
  await server.close()
  await engine.close()
  await rm(directory, { recursive: true, force: true })
})

const reading = (index: number) => ({ timeMs: Date.now() - 60_000 + index, register: BigInt(index) })

describe('a ClickHouse server', () => {
  it.each<[string, Fault, { times?: number; matching?: RegExp }]>([
    [
      'cuts the connection after the insert',
      { kind: 'lose-answer' },
      { times: 1, matching: /INSERT INTO vouch.segments/ },
    ],
    [
      'cuts the connection after the last insert',
      { kind: 'lose-answer' },
      { times: 1, matching: /INSERT INTO vouch.batches/ },
    ],
    ["answers with a broken proxy's page, once", { kind: 'garbage' }, { times: 1, matching: /^INSERT/ }],
    ['is slow', { kind: 'delay', delayMs: 300 }, { times: 2 }],
  ])('%s: the batch is stored once, after a retry', async (_, fault, when) => {
    const agent = await vouch.enrol()
    const connection = await vouch.connect(agent)
    connection.batch(agent.seal([reading(0)]))
    await connection.receipt(1n)
    await server.faults.set(fault, when)
    connection.batch(agent.seal([reading(1), reading(2)]))
    await connection.receipt(2n)
    const rows = await vouch.query(
      `SELECT toString(register) AS register FROM vouch.readings_v1 WHERE stream = unhex('${agent.stream.streamId.toHex()}') ORDER BY time`,
    )
    expect(rows).toEqual([{ register: '0' }, { register: '1' }, { register: '2' }])
    connection.close()
  })

  it.each<[string, Fault]>([
    ['STORE_READ_ONLY', { kind: 'exception', code: 242, name: 'TABLE_IS_READ_ONLY' }],
    ['DISK_FULL', { kind: 'exception', code: 243, name: 'NOT_ENOUGH_SPACE' }],
    ['STORE_UNAVAILABLE', { kind: 'refuse' }],
  ])('%s: nothing is acknowledged, the agent keeps its batch and delivers it later', async (code, fault) => {
    const agent = await vouch.enrol()
    const connection = await vouch.connect(agent)
    connection.batch(agent.seal([reading(0)]))
    await connection.receipt(1n)
    await server.faults.set(fault)
    const second = agent.seal([reading(1)])
    connection.batch(second)
    await expect(connection.receipt(2n)).rejects.toThrow(code)
    const readiness = await fetch(`${vouch.httpAddress}/readyz`)
    expect(readiness.status).toBe(503)
    expect(await readiness.text()).toContain(code)
    await server.faults.clear()
    const again = new TestConnection(vouch.address, agent)
    expect(await again.hello()).toBe(1n)
    again.declare(agent.stream)
    again.batch(second)
    expect((await again.receipt(2n)).flatMap(({ quarantined }) => quarantined)).toEqual([])
    again.close()
  })

  it('STORE_UNAVAILABLE at enrolment leaves the token unspent', async () => {
    await server.faults.set({ kind: 'refuse' })
    await expect(vouch.enrol()).rejects.toThrow('STORE_UNAVAILABLE')
    await server.faults.clear()
    await vouch.enrol()
  })
})
