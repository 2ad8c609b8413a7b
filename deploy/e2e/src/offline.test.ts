import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAgent, readAgentConfig } from '@vouch/agent/index.ts'
import type { Agent } from '@vouch/agent/index.ts'
import { World } from '@vouch/agent/testing/world.ts'
import { startTestCollector } from '@vouch/collector/testing/test-collector.ts'
import type { TestCollector } from '@vouch/collector/testing/test-collector.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterAll, beforeAll, expect, it } from 'vitest'

const CADENCE_MS = 10_000
const BATCH_LOOKS = 30
const WEEK_LOOKS = (7 * 86_400_000) / CADENCE_MS
const PATIENCE_MS = 60_000

/** A world whose clocks began a week ago. */
class LastWeek extends World {
  readonly #sinceMs = Date.now() - 8 * 86_400_000
  override wallMs = (): number => this.#sinceMs + this.now
}

/** A line to the collector that can be cut. */
class Line {
  readonly #open = new Set<Socket>()
  readonly #server: Server
  isCut = false

  constructor(to: string) {
    const [host = '', port = ''] = to.split(':')
    this.#server = createServer((near) => {
      if (this.isCut) return near.destroy()
      const far = connect(Number(port), host)
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#open.add(one)
        one.on('error', () => undefined).on('close', () => other.destroy())
        one.pipe(other)
      }
      return undefined
    })
  }

  /** Where it is to be reached. */
  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  cut(): void {
    this.isCut = true
    for (const socket of this.#open) socket.destroy()
    this.#open.clear()
  }

  close(): void {
    this.cut()
    this.#server.close()
  }
}

let collector: TestCollector
beforeAll(async () => {
  collector = await startTestCollector()
}, 60_000)
afterAll(() => collector.dispose())

interface Week {
  readonly agent: Agent
  readonly agentId: string
  readonly line: Line
  readonly spooledMax: number
  /** Batches that the spool had no room for. */
  readonly refused: number
  readonly used: bigint
}

/** Cuts an agent off for a week of the world, and brings it back. */
async function weekOffline(stateDir: string, resource: string, spoolBytesMax: number): Promise<Week> {
  const line = new Line(collector.address)
  const config = unwrap(
    readAgentConfig({
      VOUCH_AGENT_STATE_DIR: stateDir,
      VOUCH_AGENT_COLLECTOR: await line.open(),
      VOUCH_TLS: 'off',
      VOUCH_AGENT_RESOURCE: resource,
      VOUCH_AGENT_SPOOL_BYTES_MAX: String(spoolBytesMax),
      VOUCH_AGENT_CADENCE_MS: String(CADENCE_MS),
      VOUCH_AGENT_RETRY_BASE_MS: '50',
      VOUCH_AGENT_RETRY_MAX_MS: '500',
    }),
  )
  const world = new LastWeek(resource)
  const quiet = (): void => {}
  const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet }
  const token = await collector.collector.tokens.create({ ttlMs: 60_000 })
  const agent = createAgent({ config, logger, token, sources: [world], clock: world })
  await agent.open()
  await agent.sampleOnce()
  unwrap(agent.sealBatch())
  expect(await agent.flush(PATIENCE_MS)).toBe(true)
  line.cut()
  let [spooledMax, refused, used] = [0, 0, 0n]
  for (let look = 1; look <= WEEK_LOOKS; look += 1) {
    const amount = BigInt((look * 7919) % 10_007)
    used += amount
    world.pass(CADENCE_MS, amount)
    await agent.sampleOnce()
    if (look % BATCH_LOOKS !== 0) continue
    if (!agent.sealBatch().ok) refused += 1
    spooledMax = Math.max(spooledMax, agent.status().spooledBytes)
  }
  line.isCut = false
  expect(await agent.flush(PATIENCE_MS)).toBe(true)
  unwrap(agent.sealBatch())
  expect(await agent.flush(PATIENCE_MS)).toBe(true)
  return { agent, agentId: agent.status().agentId.toHex(), line, spooledMax, refused, used }
}

/** What is stored of an agent: readings, epochs and usage of its counter, and whether its batches are one chain. */
async function stored(agentId: string) {
  const { database } = collector
  const agent = `agent = unhex('${agentId}')`
  const [counter] = await collector.query<Record<string, string>>(
    `SELECT sum(n) AS readings, max(n) AS finest, count() AS epochs, sum(last - first) AS used FROM (
       SELECT count() AS n, min(register) AS first, max(register) AS last FROM ${database}.readings_v1
       WHERE stream IN (SELECT stream FROM ${database}.streams_v1 WHERE ${agent} AND meter = 'host.cpu.used')
       GROUP BY stream, epoch)`,
  )
  const [chain] = await collector.query<Record<string, string>>(
    `SELECT count() AS batches, max(sequence) AS last, countIf(sequence > 1 AND previous != before) AS broken,
       countIf(received < earlier) AS disorder FROM (
       SELECT sequence, previous, received, lagInFrame(digest) OVER w AS before, lagInFrame(received) OVER w AS earlier
       FROM ${database}.batches_v1 WHERE ${agent}
       WINDOW w AS (PARTITION BY run ORDER BY sequence ROWS BETWEEN 1 PRECEDING AND CURRENT ROW))`,
  )
  const gaps = await collector.query<Record<string, string>>(
    `SELECT kind, reason, readings, from_time < to_time AS lasts FROM ${database}.gaps_v1 WHERE ${agent}`,
  )
  return { counter: counter!, chain: chain!, gaps }
}

async function inScratch(resource: string, spoolBytesMax: number, check: (week: Week) => Promise<void>) {
  const stateDir = mkdtempSync(join(tmpdir(), 'vouch-offline-'))
  const week = await weekOffline(stateDir, resource, spoolBytesMax)
  try {
    await check(week)
  } finally {
    await week.agent.stop()
    week.line.close()
    rmSync(stateDir, { recursive: true })
  }
}

it('an agent cut off for a week delivers everything in order, within its bounds', async () => {
  const bytesMax = 64 * 2 ** 20
  await inScratch('host:offline', bytesMax, async ({ agentId, refused, spooledMax, used }) => {
    const batches = WEEK_LOOKS / BATCH_LOOKS
    expect({ refused, isBounded: spooledMax < bytesMax }).toEqual({ refused: 0, isBounded: true })
    const { chain, counter, gaps } = await stored(agentId)
    expect(counter).toEqual({
      readings: String(WEEK_LOOKS + 1),
      finest: String(WEEK_LOOKS + 1),
      epochs: '1',
      used: String(used),
    })
    expect(chain).toEqual({
      batches: String(batches + 1),
      last: String(batches + 1),
      broken: '0',
      disorder: '0',
    })
    expect(gaps).toEqual([])
  })
}, 180_000)

it('with a spool too small for the week the loss is signed and listed, and the total is exact', async () => {
  const bytesMax = 128 * 1024
  await inScratch('host:small', bytesMax, async ({ agentId, refused, spooledMax, used }) => {
    expect(refused).toBeGreaterThan(100)
    expect(spooledMax).toBeLessThanOrEqual(bytesMax)
    const { chain, counter, gaps } = await stored(agentId)
    expect(counter).toMatchObject({ epochs: '1', used: String(used) })
    expect(chain).toMatchObject({ broken: '0', disorder: '0' })
    expect(gaps).toMatchObject([{ kind: 'lost', reason: 'SPOOL_FULL', lasts: 1 }])
    // Both streams of the world lose the same looks.
    const lost = Number(gaps[0]!['readings']) / 2
    expect(lost + Number(counter['readings'])).toBe(WEEK_LOOKS + 1)
  })
}, 180_000)
