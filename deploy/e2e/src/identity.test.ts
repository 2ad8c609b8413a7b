import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAgent, readAgentConfig } from '@vouch/agent/index.ts'
import type { Agent, AgentConfig, Logger } from '@vouch/agent/index.ts'
import { reEnrolHost, rotateKey } from '@vouch/agent/commands.ts'
import { decommissionHost } from '@vouch/agent/decommission.ts'
import type { AgentSummary } from '@vouch/collector/fleet/ports.ts'
import { createFleet } from '@vouch/collector/postgres/fleet.ts'
import { openPool } from '@vouch/collector/postgres/pool.ts'
import { SILENT, startTestCollector } from '@vouch/collector/testing/test-collector.ts'
import type { TestCollector } from '@vouch/collector/testing/test-collector.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'

const PATIENCE = { timeout: 15_000, interval: 50 }
const SILENT_AFTER_MS = 1_500

let collector: TestCollector
let directory = ''
const agents: Agent[] = []
const logged: string[] = []
const log = (_: object, message: string): void => void logged.push(message)
const logger: Logger = { debug: log, info: log, warn: log, error: log }

beforeAll(async () => {
  collector = await startTestCollector({ VOUCH_COLLECTOR_SILENT_AFTER_MS: String(SILENT_AFTER_MS) })
}, 60_000)
afterAll(() => collector.dispose())
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vouch-identity-'))
  logged.length = 0
})
afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.stop()
  rmSync(directory, { recursive: true })
})

function configured(stateDir: string, over: Readonly<Record<string, string>> = {}): AgentConfig {
  return unwrap(
    readAgentConfig({
      VOUCH_AGENT_STATE_DIR: join(directory, stateDir),
      VOUCH_AGENT_COLLECTOR: collector.address,
      VOUCH_TLS: 'off',
      VOUCH_AGENT_RESOURCE: `host:${stateDir}`,
      VOUCH_AGENT_SOURCES: 'host',
      VOUCH_AGENT_CADENCE_MS: '200',
      VOUCH_AGENT_BATCH_INTERVAL_MS: '200',
      VOUCH_AGENT_RETRY_BASE_MS: '50',
      VOUCH_AGENT_RETRY_MAX_MS: '200',
      VOUCH_AGENT_REFUSED_PAUSE_MS: '200',
      VOUCH_AGENT_STOP_TIMEOUT_MS: '5000',
      ...over,
    }),
  )
}

async function started(config: AgentConfig, withToken = false): Promise<Agent> {
  const token = withToken ? { token: await collector.collector.tokens.create({ ttlMs: 60_000 }) } : {}
  const agent = createAgent({ config, logger, ...token })
  agents.push(agent)
  await agent.start()
  return agent
}

async function summary(agentId: Uint8Array): Promise<AgentSummary> {
  const pool = openPool(collector.postgresUrl, SILENT)
  const [found] = unwrap(await createFleet(pool).list(1, { agentId }))
  await pool.end()
  return found!
}

/** Batches of an agent by the key that sealed them, and epochs of its counter of processor time. */
async function stored(agentId: Uint8Array): Promise<{ batches: number; keys: number; epochs: number }> {
  const of = `agent = unhex('${agentId.toHex()}')`
  const [batches] = await collector.query<{ batches: string; keys: string }>(
    `SELECT count() AS batches, uniqExact(key_id) AS keys FROM ${collector.database}.batches_v1 WHERE ${of}`,
  )
  const [epochs] = await collector.query<{ epochs: string }>(
    `SELECT uniqExact(epoch) AS epochs FROM ${collector.database}.readings_v1
     WHERE stream IN (SELECT stream FROM ${collector.database}.streams_v1 WHERE ${of} AND meter = 'host.cpu.used')`,
  )
  return { batches: Number(batches?.batches), keys: Number(batches?.keys), epochs: Number(epochs?.epochs) }
}

async function delivering(agentId: Uint8Array, more = 2): Promise<void> {
  const { batches } = await stored(agentId)
  await vi.waitFor(
    async () => expect((await stored(agentId)).batches).toBeGreaterThanOrEqual(batches + more),
    PATIENCE,
  )
}

describe('a key', () => {
  it('is replaced on request while the agent runs, and its streams go on', async () => {
    const config = configured('asked')
    const { agentId } = (await started(config, true)).status()
    await delivering(agentId)
    expect(unwrap(await rotateKey(config))).toMatch(/^key [0-9a-f]{16,} is in force\n$/)
    // What the key before sealed may still be on its way.
    await vi.waitFor(async () => expect((await stored(agentId)).keys).toBe(2), PATIENCE)
    await delivering(agentId)
    expect(await stored(agentId)).toMatchObject({ keys: 2, epochs: 1 })
    expect(readdirSync(config.stateDir)).not.toContain('rotate-key.request')
    expect((await summary(agentId)).state).toBe('active')
  }, 40_000)

  it('is replaced by itself when it is old', async () => {
    const config = { ...configured('aged'), keyAgeMaxMs: 1000 }
    const { agentId } = (await started(config, true)).status()
    await vi.waitFor(async () => expect((await stored(agentId)).keys).toBeGreaterThan(2), PATIENCE)
    await delivering(agentId)
    expect(await stored(agentId)).toMatchObject({ epochs: 1 })
  }, 40_000)
})

describe('a life', () => {
  it('ends in order: the last batch is there, nobody may go on, and silence is no alarm', async () => {
    const config = configured('sold')
    const agent = await started(config, true)
    const { agentId } = agent.status()
    await delivering(agentId)
    expect(await decommissionHost({ config, logger })).toMatchObject({
      ok: false,
      fault: { code: 'DATA_DIRECTORY_LOCKED' },
    })
    await agent.stop()
    const { batches } = await stored(agentId)
    cpSync(config.stateDir, configured('kept').stateDir, { recursive: true })
    expect(unwrap(await decommissionHost({ config, logger }))).toContain(agentId.toHex())
    expect((await stored(agentId)).batches).toBe(batches + 1)
    expect(existsSync(join(config.stateDir, 'agent.key'))).toBe(false)
    expect(await decommissionHost({ config, logger })).toMatchObject({ fault: { code: 'AGENT_UNKNOWN' } })
    expect(await summary(agentId)).toMatchObject({ state: 'decommissioned', silentSinceMs: undefined })
    const revived = await started(configured('kept', { VOUCH_AGENT_STOP_TIMEOUT_MS: '0' }))
    await vi.waitFor(() => expect(revived.status().fault?.code).toBe('AGENT_DECOMMISSIONED'), PATIENCE)
    await new Promise((resolve) => setTimeout(resolve, 2 * SILENT_AFTER_MS))
    expect(await summary(agentId)).toMatchObject({ state: 'decommissioned', silentSinceMs: undefined })
  }, 60_000)

  it('is ended by the centre within a second', async () => {
    const agent = await started(configured('revoked', { VOUCH_AGENT_STOP_TIMEOUT_MS: '0' }), true)
    const { agentId } = agent.status()
    await delivering(agentId)
    await collector.collector.revoke(agentId, 'the host was sold')
    await vi.waitFor(() => expect(agent.status().fault?.code).toBe('AGENT_REVOKED'), { timeout: 1_000 })
  }, 40_000)
})

it('H17: two copies of a state directory are both held apart within one batch, named, and mended by enrolling again', async () => {
  const config = configured('template')
  const agent = await started(config, true)
  const { agentId } = agent.status()
  await delivering(agentId)
  await agent.stop()
  const stopAtOnce = { VOUCH_AGENT_STOP_TIMEOUT_MS: '0', VOUCH_AGENT_RESOURCE: 'host:template' }
  const copies = ['one', 'two'].map((name) => configured(name, stopAtOnce))
  for (const copy of copies) cpSync(config.stateDir, copy.stateDir, { recursive: true })
  const [one, two] = [await started(copies[0]!), await started(copies[1]!)]
  await vi.waitFor(() => {
    expect(one.status().fault?.code).toBe('AGENT_QUARANTINED')
    expect(two.status().fault?.code).toBe('AGENT_QUARANTINED')
  }, PATIENCE)
  const { reason, state } = await summary(agentId)
  expect(state).toBe('quarantined')
  expect(reason).toMatch(/; it came from 127\.0\.0\.1:\d+( and 127\.0\.0\.1:\d+)+$/)
  expect(collector.said).toContainEqual({ message: 'agent quarantined', agent: agentId.toHex() })
  await one.stop()
  await two.stop()
  const again: Agent[] = []
  for (const copy of copies) {
    const tokenFile = join(directory, 'token')
    writeFileSync(tokenFile, await collector.collector.tokens.create({ ttlMs: 60_000 }))
    expect(unwrap(await reEnrolHost({ ...copy, tokenFile }))).toContain('the former agent is kept in')
    again.push(await started(copy))
  }
  const ids = again.map((each) => each.status().agentId)
  expect(new Set([agentId, ...ids].map((each) => each.toHex())).size).toBe(3)
  for (const id of ids) await delivering(id)
  // They still say that they are one host, which is billed twice: somebody is told.
  expect(collector.said).toContainEqual({
    message: 'more than one agent is enrolled for this resource',
    agent: ids[1]!.toHex(),
  })
}, 60_000)
