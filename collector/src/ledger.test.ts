import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEngine, serveEngine } from '@vouch/clickhouse'
import type { Engine, EngineServer } from '@vouch/clickhouse'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { parseCommand } from './cli.ts'
import { clickhouseFactory } from './clickhouse/connect.ts'
import { runCommand } from './commands.ts'
import { readOperatorConfig } from './config.ts'
import { SILENT, startTestCollector } from './testing/test-collector.ts'
import type { TestAgent } from './testing/test-agent.ts'
import type { TestCollector } from './testing/test-collector.ts'

let directory: string
let engine: Engine
let server: EngineServer
let vouch: TestCollector
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vouch-ledger-'))
  engine = unwrap(await openEngine(directory))
  server = await serveEngine(engine)
  const { url } = server
  vouch = await startTestCollector(
    { VOUCH_COLLECTOR_AGE_MAX_MS: '86400000' },
    { url, open: clickhouseFactory({ clickhouseUrl: url, dataDir: undefined }) },
  )
})
afterEach(async () => {
  await server.faults.clear()
  delete vouch.hooks.skewMs
  process.exitCode = undefined
})
afterAll(async () => {
  await vouch.dispose()
  await server.close()
  await engine.close()
  await rm(directory, { recursive: true, force: true })
})

const HOUR_MS = 3_600_000
const WEEK_MS = 7 * 24 * HOUR_MS
const BY = ['--by', 'me']

/** Runs a command line against the server, beside the collector. */
async function command(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const config = unwrap(
    readOperatorConfig({
      VOUCH_CLICKHOUSE_URL: server.url,
      VOUCH_DATABASE_URL: vouch.postgresUrl,
      VOUCH_COLLECTOR_AGE_MAX_MS: '86400000',
      ...env,
    }),
  )
  const parsed = unwrap(parseCommand(args))
  if (!/^(quarantine|gaps)/.test(parsed.name)) throw new Error(`not of this suite: ${parsed.name}`)
  return runCommand(parsed as Parameters<typeof runCommand>[0], config, SILENT)
}

async function json(args: readonly string[]): Promise<Record<string, string>[]> {
  const text = await command([...args, '--json'])
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, string>)
}

const idOf = (agent: TestAgent): string => agent.agentId.toHex()
const listed = (agent: TestAgent, ...more: string[]) =>
  json(['quarantine', 'list', '--agent', idOf(agent), ...more])
const gaps = (agent: TestAgent) => json(['gaps', 'list', '--agent', idOf(agent)])

async function stored(agent: TestAgent): Promise<{ readings: object[]; hours: object[] }> {
  const stream = `unhex('${agent.stream.streamId.toHex()}')`
  const readings = await vouch.query<object>(
    `SELECT epoch, time, register, lower(hex(run)) AS run, sequence, row FROM vouch.readings_v1 WHERE stream = ${stream} ORDER BY epoch, time`,
  )
  const hours = await vouch.query<object>(
    `SELECT * EXCEPT (stream) FROM vouch.usage_hours_v1 WHERE stream = ${stream} ORDER BY epoch, hour`,
  )
  return { readings, hours }
}

/** Delivers batches in order over one connection; returns the codes of those set aside. */
async function deliver(
  agent: TestAgent,
  batches: readonly ReturnType<TestAgent['seal']>[],
  upTo = agent.sequence,
): Promise<string[]> {
  const connection = await vouch.connect(agent)
  for (const batch of batches) connection.batch(batch)
  const receipts = await connection.receipt(upTo)
  connection.close()
  return receipts.flatMap(({ quarantined }) => quarantined.map(({ code }) => code))
}

const old = (index: number) => ({
  timeMs: Date.now() - WEEK_MS + index * 1_000,
  register: BigInt(index),
  spanMs: 1_000,
})
const OLDER = { VOUCH_COLLECTOR_AGE_MAX_MS: String(2 * WEEK_MS) }

describe('redriving', () => {
  it('takes what passes now, once, by however many at once; what still fails says why and stays', async () => {
    const agent = await vouch.enrol()
    const wrong = [agent.seal([old(1), old(2)]), agent.seal([old(3)])]
    expect(await deliver(agent, wrong)).toEqual(['READING_TOO_OLD', 'READING_TOO_OLD'])
    const ids = (await listed(agent)).map(({ id }) => id!)
    expect(ids).toHaveLength(2)
    expect(await gaps(agent)).toMatchObject([
      { kind: 'quarantined', fromSequence: '1', toSequence: '1', readings: '2', reason: 'READING_TOO_OLD' },
      { kind: 'quarantined', fromSequence: '2', toSequence: '2', readings: '1', reason: 'READING_TOO_OLD' },
    ])
    const still = await command(['quarantine', 'redrive', ...ids, ...BY])
    expect(still).toMatch(/stays open: READING_TOO_OLD: [\s\S]*0 redriven, 2 left/)
    expect(process.exitCode).toBe(1)
    expect(await stored(agent)).toEqual({ readings: [], hours: [] })
    const both = await Promise.all(
      [1, 2].map(() => command(['quarantine', 'redrive', '--all', '--agent', idOf(agent), ...BY], OLDER)),
    )
    expect(both.join('')).toMatch(/2 redriven, 0 left/)
    const once = await stored(agent)
    expect(once).toMatchObject({
      readings: [
        { register: '1', sequence: '1', row: 0, run: agent.runId.toHex() },
        { register: '2', sequence: '1', row: 1 },
        { register: '3', sequence: '2', row: 0 },
      ],
    })
    await command(['quarantine', 'redrive', ...ids, ...BY], OLDER)
    expect(await stored(agent)).toEqual(once)
    expect(await listed(agent)).toEqual([])
    expect(await gaps(agent)).toEqual([])
    expect(await listed(agent, '--state', 'redriven')).toMatchObject(
      ids.map((id) => ({ id, state: 'redriven' })),
    )
    expect(await deliver(agent, [agent.seal([{ timeMs: Date.now(), register: 9n }])])).toEqual([])
  })

  it('cut between readings and decision, is just done again; giving up is refused meanwhile', async () => {
    const agent = await vouch.enrol()
    await deliver(agent, [agent.seal([old(1), old(2)])])
    const [{ id }] = (await listed(agent)) as [{ id: string }]
    await server.faults.set(
      { kind: 'exception', code: 243, name: 'NOT_ENOUGH_SPACE' },
      { matching: /INSERT INTO vouch.quarantine_decisions/ },
    )
    await expect(command(['quarantine', 'redrive', id, ...BY], OLDER)).rejects.toThrow('DISK_FULL')
    await server.faults.clear()
    const half = await stored(agent)
    expect(half).toMatchObject({ readings: [{}, {}] })
    expect(await listed(agent)).toMatchObject([{ id, state: 'open' }])
    expect(await command(['quarantine', 'discard', id, ...BY, '--reason', 'x'])).toMatch(/BATCH_TAKEN/)
    await command(['quarantine', 'redrive', id, ...BY], OLDER)
    expect(await stored(agent)).toEqual(half)
    expect(await listed(agent)).toEqual([])
    expect(await command(['quarantine', 'discard', id, ...BY, '--reason', 'x'])).toMatch(/BATCH_TAKEN/)
  })

  it('STREAM_UNDECLARED: passes once the same agent has declared the stream', async () => {
    const agent = await vouch.enrol()
    const later = agent.define('host:test/disk:a', 'host.disk.written', 'B')
    const wrong = agent.seal([{ stream: later, timeMs: Date.now(), register: 5n }])
    expect(await deliver(agent, [wrong])).toEqual(['STREAM_UNDECLARED'])
    const line = ['quarantine', 'redrive', '--all', '--agent', idOf(agent), ...BY]
    expect(await command(line)).toMatch(/STREAM_UNDECLARED/)
    const connection = await vouch.connect(agent)
    connection.declare(later)
    connection.batch(agent.seal([{ stream: later, timeMs: Date.now() + 1, register: 6n }]))
    expect((await connection.receipt(2n))[0]!.quarantined).toEqual([])
    connection.close()
    expect(await command(line)).toMatch(/1 redriven/)
  })

  it('READING_DECREASING: what contradicts the epoch, before, inside or after, never gets in', async () => {
    const agent = await vouch.enrol()
    const at = Date.now() - HOUR_MS
    const reading = (ms: number, register: bigint) => ({ timeMs: at + ms, register })
    await deliver(agent, [agent.seal([reading(0, 10n), reading(100, 20n)])])
    const wrong = [agent.seal([reading(200, 19n)]), agent.seal([reading(50, 30n)])]
    expect(await deliver(agent, wrong)).toEqual(['READING_DECREASING', 'READING_DECREASING'])
    const before = await stored(agent)
    const said = await command(['quarantine', 'redrive', '--all', '--agent', idOf(agent), ...BY])
    expect(said).toMatch(/READING_DECREASING[\s\S]*READING_DECREASING[\s\S]*0 redriven, 2 left/)
    expect(await stored(agent)).toEqual(before)
  })

  it('SEQUENCE_FORK: never; it can only be given up, and the decision says by whom and why', async () => {
    const agent = await vouch.enrol()
    await deliver(agent, [agent.seal([old(0), { timeMs: Date.now(), register: 5n }].slice(1))])
    const connection = await vouch.connect(agent)
    connection.batch(
      agent.seal([{ timeMs: Date.now(), register: 6n }], { sequence: 1n, previous: new Uint8Array() }),
    )
    await connection.receipt(1n).catch(() => undefined)
    connection.close()
    const [{ id }] = (await listed(agent, '--code', 'SEQUENCE_FORK')) as [{ id: string }]
    expect(await command(['quarantine', 'redrive', id, ...BY])).toMatch(/SEQUENCE_FORK: .*discard/)
    expect(await command(['quarantine', 'discard', id, ...BY, '--reason', 'a clone'])).toMatch(/1 discarded/)
    expect(JSON.parse(await command(['quarantine', 'show', id]))).toMatchObject({
      state: 'discarded',
      decision: { by: 'me', reason: 'a clone' },
      decodedReadings: { readings: 1, streams: 1 },
    })
    expect(await gaps(agent)).toMatchObject([{ kind: 'discarded', reason: 'SEQUENCE_FORK' }])
  })

  it('more than a page', async () => {
    const agent = await vouch.enrol()
    const start = Date.now() - WEEK_MS
    const batches = Array.from({ length: 600 }, (_, index) =>
      agent.seal([{ timeMs: start + index, register: BigInt(index) }]),
    )
    expect(await deliver(agent, batches)).toHaveLength(600)
    const line = ['quarantine', 'redrive', '--all', '--agent', idOf(agent), ...BY]
    expect(await command(line, OLDER)).toBe('600 redriven, 0 left as they were\n')
    expect(await stored(agent)).toMatchObject({ readings: { length: 600 } })
    expect(await listed(agent)).toEqual([])
  }, 60_000)
})
