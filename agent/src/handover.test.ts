import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { startFakeCollector } from './testing/fake-collector.ts'
import type { FakeCollector } from './testing/fake-collector.ts'
import { World } from './testing/world.ts'
import { createAgent, readAgentConfig } from './index.ts'
import type { Agent, Logger } from './index.ts'
import type { Look, Source } from './ports.ts'

const PATIENCE_MS = 5_000

let directory = ''
let fake: FakeCollector
let agent: Agent
let world: World
const complaints: string[] = []
const complain = (_: object, message: string): void => void complaints.push(message)
const logger: Logger = { debug: () => {}, info: () => {}, warn: complain, error: complain }

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vouch-agent-'))
  fake = await startFakeCollector()
  complaints.length = 0
  world = new World()
})
afterEach(async () => {
  await agent.stop()
  await fake.stop()
  rmSync(directory, { recursive: true })
})

async function open(sources: readonly Source[] = [world]): Promise<void> {
  const env = {
    VOUCH_AGENT_STATE_DIR: directory,
    VOUCH_AGENT_COLLECTOR: fake.address,
    VOUCH_TLS: 'off',
    VOUCH_AGENT_CADENCE_MS: '1000',
    VOUCH_AGENT_STOP_TIMEOUT_MS: '300',
  }
  const config = unwrap(readAgentConfig(env))
  agent = createAgent({ config, logger, token: 'good', sources, clock: world })
  await agent.open()
}

async function seal(): Promise<void> {
  world.pass(1_000, 10n)
  await agent.sampleOnce()
  unwrap(agent.sealBatch())
}

describe('an agent whose collector hands over', () => {
  it('in order: dials again at once, on another connection, and complains of nothing', async () => {
    await open()
    await seal()
    expect(await agent.flush(PATIENCE_MS)).toBe(true)
    const startedMs = performance.now()
    const from = fake.peers.at(-1)
    fake.handOver()
    await vi.waitFor(() => expect(fake.peers).toHaveLength(2), { timeout: PATIENCE_MS, interval: 5 })
    expect(performance.now() - startedMs).toBeLessThan(400)
    expect(fake.peers[1]).not.toBe(from)
    await seal()
    expect(await agent.flush(PATIENCE_MS)).toBe(true)
    expect(complaints).toEqual([])
    expect(agent.status().fault).toBeUndefined()
  })

  it('because it stops: dials again within the first pause, though nothing was delivered yet', async () => {
    await open()
    await vi.waitFor(() => expect(fake.statuses).toHaveLength(1), PATIENCE_MS)
    const startedMs = performance.now()
    fake.handOver('UNAVAILABLE')
    await vi.waitFor(() => expect(fake.statuses).toHaveLength(2), { timeout: PATIENCE_MS, interval: 5 })
    expect(performance.now() - startedMs).toBeLessThan(1_000)
    expect(complaints).toEqual([])
  })

  it('and is not there any more: complains, and comes back when it is', async () => {
    await open()
    await seal()
    expect(await agent.flush(PATIENCE_MS)).toBe(true)
    const port = Number(fake.address.split(':')[1])
    await fake.stop()
    await seal()
    await vi.waitFor(
      () => expect(complaints).toContainEqual(expect.stringMatching(/^delivery stopped/)),
      PATIENCE_MS,
    )
    fake = await startFakeCollector(port, fake)
    expect(await agent.flush(PATIENCE_MS)).toBe(true)
  })
})

describe('readings that were handed over between two rounds', () => {
  it('are delivered as soon as they are enough for a batch', async () => {
    let take: (look: Look) => boolean = () => false
    const look = (): Promise<readonly Look[]> => Promise.resolve([])
    const handOver = (taker: typeof take): void => void (take = taker)
    await open([{ name: 'many', look, handOver }])
    await vi.waitFor(() => expect(fake.statuses).toHaveLength(1), PATIENCE_MS)
    const samples = Array.from({ length: 5000 }, (_, index) => ({
      resource: `device:a/interface:${index}`,
      meter: 'interface.octets.in',
      value: 1n,
    }))
    world.pass(1_000, 0n)
    expect(take({ samples })).toBe(true)
    await vi.waitFor(() => expect(fake.arrived).toHaveLength(1), PATIENCE_MS)
    expect(fake.arrived[0]!.columns.timeMs).toHaveLength(5000)
  })
})

describe('the status', () => {
  it('is told after the welcome, with what waits and since when', async () => {
    fake.silent = true
    await open()
    await vi.waitFor(() => expect(fake.statuses).toHaveLength(1), PATIENCE_MS)
    expect(fake.statuses[0]).toMatchObject({ spooledBatches: 0n, spooledBytes: 0n, oldestSealedMs: 0n })
    await seal()
    const sealedMs = BigInt(world.wallMs())
    await seal()
    fake.handOver()
    await vi.waitFor(() => expect(fake.statuses).toHaveLength(2), PATIENCE_MS)
    expect(fake.statuses[1]).toMatchObject({
      spooledBatches: 2n,
      oldestSealedMs: sealedMs,
      wallMs: BigInt(world.wallMs()),
    })
    expect(fake.statuses[1]!.spooledBytes).toBe(BigInt(agent.status().spooledBytes))
    fake.silent = false
    fake.handOver()
    expect(await agent.flush(PATIENCE_MS)).toBe(true)
  })

  it('is kept back from a collector that would not know it; what that one does not know is passed over', async () => {
    fake.takesStatus = false
    await open()
    await seal()
    expect(await agent.flush(PATIENCE_MS)).toBe(true)
    expect(fake.statuses).toEqual([])
    expect(fake.peers).toHaveLength(1)
  })
})
