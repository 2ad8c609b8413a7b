import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create, toBinary } from '@bufbuild/protobuf'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LossReason } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { PolicySchema } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { rotateKey } from './commands.ts'
import { epochsOf, startFakeCollector } from './testing/fake-collector.ts'
import type { FakeCollector } from './testing/fake-collector.ts'
import { World } from './testing/world.ts'
import { createAgent, readAgentConfig } from './index.ts'
import type { Agent, AgentConfig, Logger, Source } from './index.ts'

const PATIENCE_MS = 5000

let directory = ''
let fake: FakeCollector
const agents: Agent[] = []
const logged: string[] = []
const log = (_: object, message: string): void => void logged.push(message)
const logger: Logger = { debug: log, info: log, warn: log, error: log }

function configured(over: Readonly<Record<string, string>> = {}): AgentConfig {
  return unwrap(
    readAgentConfig({
      VOUCH_AGENT_STATE_DIR: directory,
      VOUCH_AGENT_COLLECTOR: fake.address,
      VOUCH_TLS: 'off',
      VOUCH_AGENT_CADENCE_MS: '1000',
      VOUCH_AGENT_RETRY_BASE_MS: '10',
      VOUCH_AGENT_RETRY_MAX_MS: '50',
      VOUCH_AGENT_REFUSED_PAUSE_MS: '20',
      VOUCH_AGENT_STOP_TIMEOUT_MS: '300',
      ...over,
    }),
  )
}

async function opened(world: World, over: Readonly<Record<string, string>> = {}): Promise<Agent> {
  const agent = createAgent({
    config: configured(over),
    logger,
    token: 'good',
    sources: [world],
    clock: world,
  })
  agents.push(agent)
  await agent.open()
  return agent
}

async function look(agent: Agent, world: World, amount = 10n): Promise<void> {
  world.pass(1000, amount)
  await agent.sampleOnce()
}

/** Everything read so far arrives. */
async function deliver(agent: Agent): Promise<void> {
  unwrap(agent.sealBatch())
  expect(await agent.flush(PATIENCE_MS)).toBe(true)
}

/** Registers of the counter as they arrived, by epoch. */
function counterEpochs(): bigint[][] {
  const counters = epochsOf(fake).filter(({ meter }) => meter === 'host.cpu.used')
  return counters.map(({ readings }) => [...readings.values()])
}

const usage = (epochs: bigint[][]): bigint =>
  epochs.reduce((sum, registers) => sum + (registers.at(-1) ?? 0n) - (registers[0] ?? 0n), 0n)

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vouch-agent-'))
  fake = await startFakeCollector()
  logged.length = 0
})
afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.stop()
  await fake.stop()
  rmSync(directory, { recursive: true })
})

describe('delivery', () => {
  it('deletes on receipts only, and sends the same bytes again until then', async () => {
    const world = new World()
    fake.silent = true
    const agent = await opened(world, { VOUCH_AGENT_ANSWER_TIMEOUT_MS: '100' })
    for (let count = 0; count < 3; count += 1) {
      await look(agent, world)
      unwrap(agent.sealBatch())
    }
    await vi.waitFor(() => expect(fake.connections).toBeGreaterThan(2), PATIENCE_MS)
    expect(agent.status()).toMatchObject({ spooledBatches: 3, fault: { code: 'UNAVAILABLE' } })
    fake.silent = false
    expect(await agent.flush(PATIENCE_MS)).toBe(true)
    expect(agent.status()).toMatchObject({ spooledBatches: 0, fault: undefined })
    expect(fake.arrived.length).toBeGreaterThan(3)
    expect(new Set(fake.arrived.map(({ digest }) => digest.toHex())).size).toBe(3)
    expect(usage(counterEpochs())).toBe(20n)
  })

  it('believes no receipt of another key', async () => {
    const world = new World()
    fake.forges = true
    const agent = await opened(world)
    await look(agent, world)
    unwrap(agent.sealBatch())
    await vi.waitFor(() => expect(agent.status().fault?.code).toBe('SIGNATURE_INVALID'), PATIENCE_MS)
    expect(agent.status().spooledBatches).toBe(1)
    fake.forges = false
    expect(await agent.flush(PATIENCE_MS)).toBe(true)
  })

  it('keeps what is refused, says so once, and goes on when it is allowed', async () => {
    const world = new World()
    fake.refuses = 'AGENT_REVOKED'
    const agent = await opened(world)
    await look(agent, world)
    unwrap(agent.sealBatch())
    await vi.waitFor(() => expect(fake.connections).toBeGreaterThan(3), PATIENCE_MS)
    expect(logged.filter((message) => message.includes('told to refuse'))).toHaveLength(1)
    expect(agent.status()).toMatchObject({ spooledBatches: 1, fault: { code: 'AGENT_REVOKED' } })
    fake.refuses = undefined
    expect(await agent.flush(PATIENCE_MS)).toBe(true)
  })

  it('survives the collector, through more batches than a window', async () => {
    const world = new World()
    const agent = await opened(world)
    const port = Number(fake.address.split(':')[1])
    await fake.stop()
    for (let count = 0; count < 12; count += 1) {
      await look(agent, world)
      unwrap(agent.sealBatch())
    }
    expect(await agent.flush(50)).toBe(false)
    const before = fake
    fake = await startFakeCollector(port, before)
    expect(await agent.flush(PATIENCE_MS)).toBe(true)
    expect(fake.arrived.map(({ header }) => header.sequence)).toEqual(
      Array.from({ length: 12 }, (_, i) => BigInt(i + 1)),
    )
    expect(usage(counterEpochs())).toBe(110n)
  })
})

describe('a run', () => {
  it('links to the one before, whose batches go first', async () => {
    const world = new World()
    fake.refuses = 'UNAVAILABLE'
    const first = await opened(world)
    await look(first, world)
    unwrap(first.sealBatch())
    world.pass(1000, 7n)
    await first.stop()
    world.pass(60_000, 500n)
    fake.refuses = undefined
    const second = await opened(world)
    await look(second, world)
    await deliver(second)
    const headers = fake.arrived.map(({ header }) => header)
    expect(headers.map(({ sequence, final }) => [sequence, final])).toEqual([
      [1n, false],
      [2n, true],
      [1n, false],
    ])
    const previous = [new Uint8Array(), ...fake.arrived.map(({ digest }) => digest)].slice(0, 3)
    expect(headers.map(({ previousDigest }) => previousDigest.toHex())).toEqual(
      previous.map((d) => d.toHex()),
    )
    const epochs = counterEpochs()
    expect(epochs).toHaveLength(1)
    expect(usage(epochs)).toBe(517n)
  })

  it('ends in order with its last readings', async () => {
    const world = new World()
    const agent = await opened(world)
    await look(agent, world)
    world.pass(400, 3n)
    await agent.stop()
    expect(fake.arrived.map(({ header }) => header.final)).toEqual([true])
    expect(usage(counterEpochs())).toBe(3n)
  })

  it('with a full spool gives up resolution, not quantity, and admits it', async () => {
    const world = new World()
    fake.refuses = 'UNAVAILABLE'
    const agent = await opened(world, { VOUCH_AGENT_SPOOL_BYTES_MAX: '65536' })
    let refused = 0
    for (let count = 0; count < 1200; count += 1) {
      await look(agent, world)
      if (count % 5 === 4 && !agent.sealBatch().ok) refused += 1
    }
    expect(refused).toBeGreaterThan(5)
    expect(agent.status().spooledBytes).toBeLessThanOrEqual(65_536)
    expect(agent.status().pendingReadings).toBeLessThan(20)
    fake.refuses = undefined
    expect(await agent.flush(PATIENCE_MS)).toBe(true)
    await deliver(agent)
    const losses = fake.arrived.flatMap(({ columns }) => columns.losses)
    expect(losses).toMatchObject([{ reason: LossReason.SPOOL_FULL }])
    const kept = fake.arrived.reduce((sum, { columns }) => sum + BigInt(columns.timeMs.length), 0n)
    expect(kept + (losses[0]?.readings ?? 0n)).toBe(2400n)
    expect(counterEpochs()).toHaveLength(1)
    expect(usage(counterEpochs())).toBe(11_990n)
  })

  it('goes on without a source that fails or hangs', async () => {
    const world = new World()
    const failing: Source = { name: 'failing', look: () => Promise.reject(new Error('broken')) }
    const hanging: Source = { name: 'hanging', look: () => Promise.withResolvers<never>().promise }
    const config = configured({ VOUCH_AGENT_CADENCE_MS: '100' })
    const sources = [failing, hanging, world]
    const agent = createAgent({ config, logger, token: 'good', sources, clock: world })
    agents.push(agent)
    await agent.open()
    await look(agent, world)
    await look(agent, world)
    expect(agent.status().pendingReadings).toBe(4)
    expect(logged.join()).toMatch(/broken.*no answer|no answer.*broken/)
  })

  it('takes a newer policy and keeps it', async () => {
    const world = new World()
    const expiresMs = BigInt(world.wallMs()) + 1_000_000n
    const fields = { version: 4n, expiresMs, cadenceMs: 500, batchIntervalMs: 500 }
    fake.policy = toBinary(PolicySchema, create(PolicySchema, fields))
    const first = await opened(world)
    await look(first, world)
    await deliver(first)
    await first.stop()
    fake.policy = undefined
    const second = await opened(world)
    await look(second, world)
    await deliver(second)
    expect(fake.arrived.at(-1)?.header.policyVersion).toBe(4n)
  })
})

describe('identity', () => {
  it('is made here, readable by its owner only, and lasts', async () => {
    const first = await opened(new World())
    const { agentId } = first.status()
    expect(statSync(join(directory, 'agent.key')).mode & 0o777).toBe(0o600)
    expect(statSync(join(directory, 'agent.json')).mode & 0o777).toBe(0o600)
    await first.stop()
    const second = await opened(new World())
    expect(second.status().agentId.toHex()).toBe(agentId.toHex())
  })

  it.each([
    ['TOKEN_UNKNOWN', 'bad'],
    ['CONFIG_MISSING', undefined],
  ])('is refused with %s', async (code, token) => {
    const options = { config: configured(), logger, sources: [], ...(token === undefined ? {} : { token }) }
    await expect(createAgent(options).open()).rejects.toMatchObject({ fault: { code } })
  })

  it('belongs to one process at a time', async () => {
    await opened(new World())
    const second = createAgent({ config: configured(), logger, token: 'good', sources: [] })
    await expect(second.open()).rejects.toMatchObject({ fault: { code: 'DATA_DIRECTORY_LOCKED' } })
  })

  it('changes its key without losing the spool or the stream', async () => {
    const world = new World()
    const first = await opened(world)
    await look(first, world)
    await deliver(first)
    await first.stop()
    expect(unwrap(await rotateKey(configured()))).toContain('in force')
    const second = await opened(world)
    await look(second, world)
    await deliver(second)
    expect(counterEpochs()).toHaveLength(1)
  })
})
