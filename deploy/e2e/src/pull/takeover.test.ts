import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAgent, readAgentConfig } from '@vouch/agent/index.ts'
import type { Agent } from '@vouch/agent/index.ts'
import { openPool } from '@vouch/collector/postgres/pool.ts'
import { createPullRegistry } from '@vouch/collector/postgres/pulls.ts'
import { SILENT } from '@vouch/collector/testing/test-collector.ts'
import { openEngine, serveEngine } from '@vouch/clickhouse'
import type { Engine } from '@vouch/clickhouse'
import { createTestDatabase } from '@vouch/postgres'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { COLLECTOR, createToken } from '../chaos/installation.ts'
import { program } from '../chaos/program.ts'
import type { Program } from '../chaos/program.ts'
import { freeAddress, makeEstate } from './estate.ts'

const PATIENCE = { timeout: 30_000, interval: 100 }
/** Long beside what a busy machine keeps a process waiting: a lease that lapses is lawfully taken. */
const LEASE_MS = 5_000

let estate: Awaited<ReturnType<typeof makeEstate>>
let postgres: Awaited<ReturnType<typeof createTestDatabase>>
let server: Awaited<ReturnType<typeof serveEngine>>
let engine: Engine
let pool: ReturnType<typeof openPool>
let agent: Agent
let directory = ''
const collectors = new Map<string, Program>()

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vouch-takeover-'))
  estate = await makeEstate()
  postgres = await createTestDatabase()
  engine = unwrap(await openEngine(join(directory, 'clickhouse')))
  server = await serveEngine(engine)
  pool = openPool(postgres.url, SILENT)
  const stores = { VOUCH_CLICKHOUSE_URL: server.url, VOUCH_DATABASE_URL: postgres.url }
  for (let count = 0; count < 2; count += 1) {
    const address = await freeAddress()
    const env = {
      ...stores,
      ...estate.collectorEnv,
      VOUCH_COLLECTOR_LISTEN: address,
      VOUCH_LOG_LEVEL: 'warn',
      VOUCH_COLLECTOR_PULL_LEASE_MS: String(LEASE_MS),
      VOUCH_COLLECTOR_PULL_RETRY_MAX_MS: '500',
    }
    collectors.set(address, program('vouch-collector', COLLECTOR, env))
  }
  const token = await createToken({ ...stores, ...estate.collectorEnv })
  const [first] = collectors.keys()
  const { certFile, keyFile } = await estate.agent('taken')
  const listen = await freeAddress()
  const config = unwrap(
    readAgentConfig({
      VOUCH_AGENT_STATE_DIR: join(directory, 'agent'),
      VOUCH_AGENT_COLLECTOR: first,
      VOUCH_TLS_CA_FILE: estate.collector.caFile,
      VOUCH_AGENT_PULL_LISTEN: listen,
      VOUCH_AGENT_TLS_CERT_FILE: certFile,
      VOUCH_AGENT_TLS_KEY_FILE: keyFile,
      VOUCH_AGENT_RESOURCE: 'host:taken',
      VOUCH_AGENT_CADENCE_MS: '100',
      VOUCH_AGENT_BATCH_INTERVAL_MS: '100',
      VOUCH_AGENT_RETRY_BASE_MS: '50',
      VOUCH_AGENT_STOP_TIMEOUT_MS: '20000',
    }),
  )
  for (const collector of collectors.values()) collector.start()
  agent = createAgent({ config, logger: SILENT, token: token.trim() })
  await agent.start()
  unwrap(await createPullRegistry(pool).assign(agent.status().agentId, listen))
}, 120_000)

afterAll(async () => {
  for (const collector of collectors.values()) await collector.kill()
  await pool.end()
  await server.close()
  await engine.close()
  await postgres.dispose()
  estate.remove()
  await rm(directory, { recursive: true, force: true })
}, 60_000)

/** Batches stored so far: places in the chain, and different batches. */
async function stored(): Promise<{ places: number; batches: number; last: number; aside: number }> {
  const client = await engine.connect()
  const query = `SELECT uniqExact(run, sequence) AS places, uniqExact(run, sequence, digest) AS batches,
    max(sequence) AS last, (SELECT count() FROM vouch.quarantine_v1) AS aside FROM vouch.batches_v1`
  const [row] = await (await client.query({ query, format: 'JSONEachRow' })).json<Record<string, string>>()
  const figure = (name: string): number => Number(row?.[name] ?? 0)
  return {
    places: figure('places'),
    batches: figure('batches'),
    last: figure('last'),
    aside: figure('aside'),
  }
}

/** Address of the collector that dials the agent, once it has delivered more. */
async function dialler(): Promise<string> {
  let address: string | undefined
  const { places } = await stored().catch(() => ({ places: 0 }))
  await vi.waitFor(async () => {
    expect((await stored()).places).toBeGreaterThan(places + 2)
    const { rows } = await pool.query<{ holder: string }>('SELECT holder FROM fleet.pulls WHERE connected')
    address = [...collectors.keys()].find((each) => rows[0]?.holder.includes(` ${each} `))
    expect(address).toBeDefined()
  }, PATIENCE)
  return address ?? ''
}

it('one of two collectors is killed, frozen and let go on: the other takes over within seconds, nothing is lost or doubled', async () => {
  const first = await dialler()
  await collectors.get(first)!.kill()
  const second = await vi.waitFor(async () => {
    const now = await dialler()
    expect(now).not.toBe(first)
    return now
  }, PATIENCE)
  collectors.get(first)!.start()
  await new Promise((resolve) => setTimeout(resolve, 2 * LEASE_MS))
  // It has come back, and leaves the agent to the one that has it.
  expect(await dialler()).toBe(second)
  collectors.get(second)!.signal('SIGSTOP')
  await vi.waitFor(async () => expect(await dialler()).toBe(first), PATIENCE)
  collectors.get(second)!.signal('SIGCONT')
  await new Promise((resolve) => setTimeout(resolve, 3 * LEASE_MS))
  expect(await dialler()).toBe(first)
  await agent.stop()
  const { places, batches, last, aside } = await stored()
  expect([batches, last, aside]).toEqual([places, places, 0])
  for (const collector of collectors.values()) expect(await collector.stop()).toBe(0)
}, 180_000)
