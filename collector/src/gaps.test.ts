import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { openEngine, serveEngine } from '@vouch/clickhouse'
import type { Engine, EngineServer } from '@vouch/clickhouse'
import { LossReason, LossSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
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

describe('gaps', () => {
  it('what an agent admits, and what never came until it comes', async () => {
    const agent = await vouch.enrol()
    const now = Date.now()
    const loss = create(LossSchema, {
      fromMs: BigInt(now - 9_000),
      toMs: BigInt(now - 5_000),
      readings: 7n,
      reason: LossReason.SPOOL_FULL,
    })
    await deliver(agent, [agent.seal([{ timeMs: now, register: 1n }], { losses: [loss], wallMs: now })])
    agent.seal([{ timeMs: now + 1, register: 2n }], { wallMs: now + 1 })
    agent.seal([{ timeMs: now + 2, register: 3n }], { wallMs: now + 2 })
    const orphan = agent.seal([{ timeMs: now + 3, register: 4n }], { wallMs: now + 3 })
    for (let attempt = 0; attempt < 3; attempt++) await deliver(agent, [orphan]).catch(() => undefined)
    vouch.hooks.skewMs = 600_000
    expect(await deliver(agent, [orphan])).toEqual(['SEQUENCE_GAP'])
    const lost = { kind: 'lost', readings: '7', reason: 'SPOOL_FULL', fromSequence: '1' }
    const hole = { kind: 'unreceived', fromSequence: '2', toSequence: '3', reason: 'SEQUENCE_GAP' }
    const times = { from: new Date(now).toISOString(), to: new Date(now + 3).toISOString() }
    expect(await gaps(agent)).toMatchObject([
      lost,
      { ...hole, ...times },
      { kind: 'quarantined', fromSequence: '4', readings: '1' },
    ])
    const line = ['quarantine', 'redrive', '--all', '--agent', idOf(agent), ...BY]
    expect(await command(line)).toMatch(/1 redriven/)
    expect(await gaps(agent)).toMatchObject([lost, hole])
  })

  it('the end of a run that never came', async () => {
    const agent = await vouch.enrol()
    const early = agent.seal([{ timeMs: Date.now(), register: 4n }], { previous: randomBytes(32) })
    for (let attempt = 0; attempt < 3; attempt++) await deliver(agent, [early]).catch(() => undefined)
    vouch.hooks.skewMs = 600_000
    expect(await deliver(agent, [early])).toEqual(['CHAIN_BROKEN'])
    expect(await gaps(agent)).toMatchObject([
      { kind: 'unreceived', fromSequence: '0', reason: 'CHAIN_BROKEN' },
      { kind: 'quarantined', fromSequence: '1' },
    ])
  })
})

describe('coverage', () => {
  it('lists every hour of a life, those without readings with none', async () => {
    const agent = await vouch.enrol()
    const hour = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 6 * HOUR_MS
    const at = (minutes: number, register: bigint, spanMs: number) => ({
      timeMs: hour + minutes * 60_000,
      register,
      spanMs,
    })
    await deliver(agent, [
      agent.seal([at(30, 0n, 0), at(59, 1n, 29 * 60_000), at(200, 2n, 0), at(210, 3n, 600_000)]),
    ])
    const rows = await vouch.query(
      `SELECT resource, meter, toUnixTimestamp(hour) * 1000 AS ms, minutes_covered, minutes_expected FROM vouch.coverage_hours_v1
       WHERE stream = unhex('${agent.stream.streamId.toHex()}') ORDER BY hour`,
    )
    const stream = { resource: 'host:test', meter: 'host.cpu.used' }
    expect(rows).toEqual([
      { ...stream, ms: String(hour), minutes_covered: 30, minutes_expected: 30 },
      { ...stream, ms: String(hour + HOUR_MS), minutes_covered: 0, minutes_expected: 60 },
      { ...stream, ms: String(hour + 2 * HOUR_MS), minutes_covered: 0, minutes_expected: 60 },
      { ...stream, ms: String(hour + 3 * HOUR_MS), minutes_covered: 11, minutes_expected: 31 },
    ])
  })
})

describe('late readings', () => {
  it('are taken and marked; nothing that is stored depends on when they came', async () => {
    const start = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 10 * HOUR_MS
    const sample = (index: number) => ({
      timeMs: start + index * 600_000,
      register: BigInt(index),
      spanMs: index === 0 ? 0 : 600_000,
    })
    const shapes: unknown[] = []
    for (const skewMs of [0, 5 * HOUR_MS, 12 * HOUR_MS]) {
      const agent = await vouch.enrol()
      vouch.hooks.skewMs = skewMs
      const wallMs = start + 8 * HOUR_MS
      const batches = [0, 6, 12].map((from) =>
        agent.seal(
          [0, 1, 2, 3, 4, 5].map((index) => sample(from + index)),
          { wallMs },
        ),
      )
      for (const batch of skewMs === 0 ? batches : [batches[0]!, batches[0]!, ...batches])
        await deliver(agent, [batch], BigInt(batches.indexOf(batch) + 1))
      delete vouch.hooks.skewMs
      const { hours, readings } = await stored(agent)
      const stream = `unhex('${agent.stream.streamId.toHex()}')`
      const coverage = await vouch.query(
        `SELECT hour, minutes_covered, minutes_expected FROM vouch.coverage_hours_v1 WHERE stream = ${stream} ORDER BY hour`,
      )
      shapes.push({ hours, coverage, gaps: await gaps(agent), count: readings.length })
      const [late] = await vouch.query<{ ms: string }>(
        `SELECT toString(min(late_ms)) AS ms FROM vouch.batches_v1 WHERE agent = unhex('${idOf(agent)}')`,
      )
      expect(Number(late!.ms)).toBeGreaterThanOrEqual(6 * HOUR_MS + skewMs)
    }
    expect(shapes[1]).toEqual(shapes[0])
    expect(shapes[2]).toEqual(shapes[0])
    const metrics = await (await fetch(`${vouch.httpAddress}/metrics`)).text()
    expect(metrics).toMatch(/vouch_collector_late_readings_total [1-9]/)
    expect(metrics).toMatch(/vouch_collector_quarantined_batches_total\{code="SEQUENCE_GAP"\} [1-9]/)
    expect(metrics).toMatch(/vouch_collector_gaps_total\{kind="unreceived"\} [1-9]/)
    expect(metrics).toMatch(/vouch_collector_quarantine_open \d+/)
  })
})
