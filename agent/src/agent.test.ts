import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { createAgent, readAgentConfig } from './index.ts'
import { startFakeCollector } from './grpc/fake-collector.ts'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

describe('smoke', () => {
  it('works', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'vouch-agent-'))
    const fake = await startFakeCollector()
    const config = unwrap(
      readAgentConfig({
        VOUCH_AGENT_STATE_DIR: dir,
        VOUCH_AGENT_COLLECTOR: fake.address,
        VOUCH_TLS: 'off',
        VOUCH_AGENT_CADENCE_MS: '200',
        VOUCH_AGENT_BATCH_INTERVAL_MS: '400',
      }),
    )
    const agent = createAgent({ config, logger: { ...quiet, warn: console.log }, token: 'good' })
    await agent.start()
    await new Promise((r) => setTimeout(r, 1500))
    console.log(agent.status())
    await agent.stop()
    console.log(
      fake.arrived.map((a) => [a.header.sequence, a.header.final, a.columns.timeMs.length]),
      fake.definitions.size,
      [...fake.definitions.values()].map((d) => `${d.resource} ${d.meter}`),
    )
    expect(fake.arrived.length).toBeGreaterThan(2)
    await fake.stop()
    rmSync(dir, { recursive: true })
  })
})
