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

async function open(): Promise<void> {
  const env = {
    VOUCH_AGENT_STATE_DIR: directory,
    VOUCH_AGENT_COLLECTOR: fake.address,
    VOUCH_TLS: 'off',
    VOUCH_AGENT_CADENCE_MS: '1000',
    VOUCH_AGENT_STOP_TIMEOUT_MS: '300',
  }
  const config = unwrap(readAgentConfig(env))
  agent = createAgent({ config, logger, token: 'good', sources: [world], clock: world })
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
