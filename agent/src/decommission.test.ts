import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { enrolHost, reEnrolHost } from './commands.ts'
import { decommissionHost } from './decommission.ts'
import { openState } from './state.ts'
import { startFakeCollector } from './testing/fake-collector.ts'
import type { FakeCollector } from './testing/fake-collector.ts'
import { World } from './testing/world.ts'
import { createAgent, readAgentConfig } from './index.ts'
import type { AgentConfig, Logger } from './index.ts'

let directory = ''
let fake: FakeCollector
const quiet = (): void => {}
const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error: quiet }

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vouch-life-'))
  fake = await startFakeCollector()
})
afterEach(async () => {
  await fake.stop()
  rmSync(directory, { recursive: true })
})

function configured(): AgentConfig {
  return unwrap(
    readAgentConfig({
      VOUCH_AGENT_STATE_DIR: directory,
      VOUCH_AGENT_COLLECTOR: fake.address,
      VOUCH_TLS: 'off',
      VOUCH_AGENT_RETRY_BASE_MS: '10',
      VOUCH_AGENT_RETRY_MAX_MS: '50',
      VOUCH_AGENT_STOP_TIMEOUT_MS: '300',
    }),
  )
}

/** An agent that has delivered something and stopped; returns its id. */
async function lived(world: World): Promise<string> {
  const agent = createAgent({ config: configured(), logger, token: 'good', sources: [world], clock: world })
  await agent.open()
  await agent.sampleOnce()
  const { agentId } = agent.status()
  await agent.stop()
  return agentId.toHex()
}

const end = (world: World) =>
  decommissionHost({ config: configured(), logger, sources: [world], clock: world })
const lastArrived = (): string => fake.arrived.at(-1)!.digest.toHex()

it('a decommissioned agent has delivered a last look, and leaves nothing of itself', async () => {
  const world = new World()
  const agentId = await lived(world)
  const before = lastArrived()
  world.pass(1000, 10n)
  expect(unwrap(await end(world))).toBe(`agent ${agentId} is decommissioned\n`)
  expect(lastArrived()).not.toBe(before)
  expect(fake.arrived.at(-1)?.header.final).toBe(true)
  expect(fake.decommissioned.get(agentId)).toBe(lastArrived())
  expect(readdirSync(directory).filter((name) => name !== 'machine-id')).toEqual([])
  expect(await end(world)).toMatchObject({ ok: false, fault: { code: 'AGENT_UNKNOWN' } })
})

it('where the collector is away nothing is lost, and the same command ends it later', async () => {
  const world = new World()
  const agentId = await lived(world)
  const port = Number(fake.address.split(':')[1])
  await fake.stop()
  world.pass(1000, 10n)
  expect(await end(world)).toMatchObject({ ok: false, fault: { code: 'UNAVAILABLE' } })
  fake = await startFakeCollector(port, fake)
  expect(unwrap(await end(world))).toContain(agentId)
  expect(fake.decommissioned.get(agentId)).toBe(lastArrived())
})

it('one that broke off after the last batch goes on from there, without another', async () => {
  const world = new World()
  const agentId = await lived(world)
  const last = lastArrived()
  const { spool } = unwrap(await openState(configured(), world.wallMs()))
  unwrap(spool.setMeta('last-batch', Uint8Array.fromHex(last)))
  spool.close()
  const { length } = fake.arrived
  expect(unwrap(await end(world))).toContain(agentId)
  expect(fake.arrived).toHaveLength(length)
  expect(fake.decommissioned.get(agentId)).toBe(last)
})

it('a mark from before the agent ran again does not count', async () => {
  const world = new World()
  const agentId = await lived(world)
  const { spool } = unwrap(await openState(configured(), world.wallMs()))
  unwrap(spool.setMeta('last-batch', Uint8Array.fromHex(lastArrived())))
  spool.close()
  world.pass(1000, 10n)
  expect(await lived(world)).toBe(agentId)
  const { length } = fake.arrived
  unwrap(await end(world))
  expect(fake.arrived.length).toBeGreaterThan(length)
  expect(fake.decommissioned.get(agentId)).toBe(lastArrived())
})

it('enrolling again sets the former agent aside, and twice keeps both', async () => {
  const world = new World()
  const first = await lived(world)
  const tokenFile = join(directory, 'token')
  writeFileSync(tokenFile, 'good\n')
  const config = { ...configured(), tokenFile }
  expect(unwrap(await reEnrolHost(config))).toContain(`kept in ${join(directory, `agent-${first}.1`)}`)
  expect(readdirSync(join(directory, `agent-${first}.1`)).toSorted()).toEqual([
    'agent.json',
    'agent.key',
    'spool.sqlite',
  ])
  const second = /as ([0-9a-f]{32})/.exec(unwrap(await enrolHost(config)))?.[1]
  expect(second).not.toBe(first)
  expect(unwrap(await reEnrolHost(config))).toContain(`agent-${second}.1`)
  expect(await reEnrolHost({ ...config, tokenFile: undefined })).toMatchObject({
    fault: { code: 'CONFIG_MISSING' },
  })
  expect(unwrap(await enrolHost(config))).toContain('already enrolled')
})
