import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromBinary } from '@bufbuild/protobuf'
import { createAgent, readAgentConfig } from '@vouch/agent/index.ts'
import type { Agent } from '@vouch/agent/index.ts'
import { BUILT_IN } from '@vouch/collector/fleet/policy.ts'
import { createFleet } from '@vouch/collector/postgres/fleet.ts'
import { openPool } from '@vouch/collector/postgres/pool.ts'
import { SILENT, startTestCollector } from '@vouch/collector/testing/test-collector.ts'
import type { TestCollector } from '@vouch/collector/testing/test-collector.ts'
import { BatchHeaderSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'

const PATIENCE = { timeout: 15_000, interval: 100 }
const directory = mkdtempSync(join(tmpdir(), 'vouch-policy-'))
const logged: string[] = []
let collector: TestCollector
let agent: Agent
beforeAll(async () => {
  collector = await startTestCollector()
  const token = await collector.collector.tokens.create({ ttlMs: 60_000, group: 'web' })
  const env = {
    VOUCH_AGENT_STATE_DIR: directory,
    VOUCH_AGENT_COLLECTOR: collector.address,
    VOUCH_TLS: 'off',
    VOUCH_AGENT_CADENCE_MS: '60000',
    VOUCH_AGENT_CADENCE_MIN_MS: '200',
  }
  const log = (_: object, message: string): void => void logged.push(message)
  const logger = { debug: log, info: log, warn: log, error: log }
  agent = createAgent({ config: unwrap(readAgentConfig(env)), logger, token })
  await agent.start()
}, 60_000)
afterAll(async () => {
  await agent.stop()
  await collector.dispose()
  rmSync(directory, { recursive: true })
})

/** By the batches' sequence: the engine gives rows in any order. */
async function versions(): Promise<bigint[]> {
  const rows = await collector.query<{ header: string }>('SELECT hex(header) AS header FROM batches_v1')
  return rows
    .map(({ header }) => fromBinary(BatchHeaderSchema, Buffer.from(header, 'hex')))
    .toSorted((a, b) => Number(a.sequence - b.sequence))
    .map(({ policyVersion }) => policyVersion)
}

it('a policy that is set at the collector governs a running agent, and its version is in the batches', async () => {
  const { version: _, ...built } = BUILT_IN
  const pool = openPool(collector.postgresUrl, SILENT)
  const policy = { ...built, cadenceMs: 200, batchIntervalMs: 200, validMs: 2000, dimensions: ['type'] }
  const version = unwrap(
    await createFleet(pool).setPolicy({ group: 'web', policy, by: 'the test', reason: '' }),
  )
  await pool.end()
  await vi.waitFor(async () => {
    const seen = await versions()
    expect(seen.filter((each) => each === version).length).toBeGreaterThan(3)
  }, PATIENCE)
  const attributes = await collector.query<{ names: string[] }>(
    `SELECT DISTINCT mapKeys(attributes) AS names FROM streams_v1 WHERE meter = 'host.disk.used'`,
  )
  expect(attributes).toContainEqual({ names: ['type'] })
  // It is told again before it expires: for longer than it is valid nothing falls back to the settings.
  await new Promise((resolve) => setTimeout(resolve, 2500))
  const seen = await versions()
  expect(new Set(seen.slice(seen.indexOf(version)))).toEqual(new Set([version]))
  expect(logged.filter((line) => line.includes('policy'))).toEqual([])
}, 40_000)
