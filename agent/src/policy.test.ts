import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create, toBinary } from '@bufbuild/protobuf'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PolicySchema } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { startFakeCollector } from './testing/fake-collector.ts'
import type { FakeCollector } from './testing/fake-collector.ts'
import { World } from './testing/world.ts'
import { createAgent, readAgentConfig } from './index.ts'
import type { Agent, Logger } from './index.ts'

let directory = ''
let fake: FakeCollector
let world: World
const agents: Agent[] = []
const logged: string[] = []
const log = (_: object, message: string): void => void logged.push(message)
const logger: Logger = { debug: log, info: log, warn: log, error: log }

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vouch-agent-'))
  fake = await startFakeCollector()
  world = new World()
  logged.length = 0
})
afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.stop()
  await fake.stop()
  rmSync(directory, { recursive: true })
})

async function opened(): Promise<Agent> {
  const env = { VOUCH_AGENT_STATE_DIR: directory, VOUCH_AGENT_COLLECTOR: fake.address, VOUCH_TLS: 'off' }
  const config = unwrap(readAgentConfig({ ...env, VOUCH_AGENT_STOP_TIMEOUT_MS: '300' }))
  const agent = createAgent({ config, logger, token: 'good', sources: [world], clock: world })
  agents.push(agent)
  await agent.open()
  return agent
}

async function look(agent: Agent): Promise<void> {
  world.pass(1000, 10n)
  await agent.sampleOnce()
}

async function deliver(agent: Agent): Promise<void> {
  unwrap(agent.sealBatch())
  expect(await agent.flush(5000)).toBe(true)
}

describe('a policy', () => {
  it('that has expired is used no more, and an older one is refused all the same', async () => {
    const policyOf = (version: bigint, expiresMs: number) =>
      toBinary(
        PolicySchema,
        create(PolicySchema, { version, expiresMs: BigInt(expiresMs), cadenceMs: 500, batchIntervalMs: 500 }),
      )
    fake.policy = policyOf(4n, world.wallMs() + 10_000)
    const first = await opened()
    await look(first)
    await deliver(first)
    await look(first)
    await deliver(first)
    expect(fake.arrived.at(-1)?.header.policyVersion).toBe(4n)
    expect(logged.filter((message) => message.includes('CADENCE_MIN_MS'))).toHaveLength(1)
    world.pass(20_000, 1n)
    await look(first)
    await deliver(first)
    expect(fake.arrived.at(-1)?.header.policyVersion).toBe(0n)
    await first.stop()
    fake.policy = policyOf(3n, world.wallMs() + 1_000_000)
    const second = await opened()
    await look(second)
    await deliver(second)
    await look(second)
    await deliver(second)
    expect(fake.arrived.at(-1)?.header.policyVersion).toBe(0n)
    expect(logged.join()).toContain('policy 3 is not newer than 4')
  })
})
