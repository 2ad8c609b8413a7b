import { join } from 'node:path'
import { createAgent, readAgentConfig } from '@vouch/agent/index.ts'
import type { Agent, AgentConfig } from '@vouch/agent/index.ts'
import type { AgentSummary } from '@vouch/collector/fleet/ports.ts'
import { createFleet } from '@vouch/collector/postgres/fleet.ts'
import { openPool } from '@vouch/collector/postgres/pool.ts'
import { createPullRegistry } from '@vouch/collector/postgres/pulls.ts'
import { SILENT, startTestCollector } from '@vouch/collector/testing/test-collector.ts'
import type { TestCollector } from '@vouch/collector/testing/test-collector.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { FaultCode } from '@vouch/proto/kernel/fault.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import { freeAddress, makeEstate } from './estate.ts'
import type { Estate } from './estate.ts'

/** How long anything may take. */
export const PATIENCE = { timeout: 20_000, interval: 100 }
/** Silence after which a collector counts as dead, milliseconds. */
export const LEASE_MS = 1_500
const COLLECTOR = {
  VOUCH_COLLECTOR_PULL_LEASE_MS: String(LEASE_MS),
  VOUCH_COLLECTOR_PULL_RETRY_MAX_MS: '500',
}

/** An agent that is enrolled and dialled. */
export interface PulledAgent {
  readonly agent: Agent
  readonly agentId: Uint8Array
  readonly config: AgentConfig
  readonly address: string
}

/** A collector with real stores and certificates, and agents that it dials. */
export class Yard {
  readonly estate: Estate
  collector: TestCollector
  readonly pool: ReturnType<typeof openPool>
  readonly #agents = new Set<Agent>()

  private constructor(estate: Estate, collector: TestCollector) {
    this.estate = estate
    this.collector = collector
    this.pool = openPool(collector.postgresUrl, SILENT)
  }

  static async open(): Promise<Yard> {
    const estate = await makeEstate()
    return new Yard(estate, await startTestCollector({ ...COLLECTOR, ...estate.collectorEnv }))
  }

  async close(): Promise<void> {
    await this.pool.end()
    await this.collector.dispose()
    this.estate.remove()
  }

  /** Stops every agent, and has none dialled. */
  async clear(): Promise<void> {
    for (const agent of this.#agents) await this.stop(agent)
    await this.pool.query('DELETE FROM fleet.pulls')
  }

  /** Settings of an agent; with an address to listen on it is dialled. */
  async configured(name: string, listen = ''): Promise<AgentConfig> {
    const { certFile, keyFile } = await this.estate.agent(name)
    return unwrap(
      readAgentConfig({
        VOUCH_AGENT_STATE_DIR: join(this.estate.directory, `state-${name}`),
        VOUCH_AGENT_COLLECTOR: this.collector.address,
        VOUCH_TLS_CA_FILE: this.estate.collector.caFile,
        VOUCH_AGENT_PULL_LISTEN: listen,
        VOUCH_AGENT_TLS_CERT_FILE: certFile,
        VOUCH_AGENT_TLS_KEY_FILE: keyFile,
        VOUCH_AGENT_RESOURCE: `host:${name}`,
        VOUCH_AGENT_CADENCE_MS: '100',
        VOUCH_AGENT_BATCH_INTERVAL_MS: '100',
        VOUCH_AGENT_RETRY_BASE_MS: '50',
        VOUCH_AGENT_RETRY_MAX_MS: '200',
        VOUCH_AGENT_STOP_TIMEOUT_MS: '10000',
      }),
    )
  }

  /** Starts an agent, which enrols with a token where that is still to do. */
  async start(config: AgentConfig): Promise<Agent> {
    const agent = createAgent({ config, logger: SILENT, token: await this.token() })
    this.#agents.add(agent)
    await agent.start()
    return agent
  }

  async token(): Promise<string> {
    return this.collector.collector.tokens.create({ ttlMs: 60_000 })
  }

  async stop(agent: Agent): Promise<void> {
    this.#agents.delete(agent)
    await agent.stop()
  }

  async dial(agentId: Uint8Array, address: string | undefined): Promise<void> {
    unwrap(await createPullRegistry(this.pool).assign(agentId, address))
  }

  async pulled(name: string, over: Partial<AgentConfig> = {}): Promise<PulledAgent> {
    const address = await freeAddress()
    const enrolling = await this.configured(name, address)
    const config = { ...enrolling, ...over }
    const enrolled = createAgent({
      config: { ...enrolling, stopTimeoutMs: 0 },
      logger: SILENT,
      token: await this.token(),
    })
    await enrolled.open()
    await enrolled.stop()
    const agent = await this.start(config)
    const { agentId } = agent.status()
    await this.dial(agentId, address)
    return { agent, agentId, config, address }
  }

  async summary(agentId: Uint8Array): Promise<AgentSummary> {
    const [found] = unwrap(await createFleet(this.pool).list(1, { agentId }))
    return found!
  }

  /** Waits until `agents show` says so. */
  async comesTo(agentId: Uint8Array, state: 'connected' | 'waiting' | FaultCode): Promise<void> {
    await until(`${state} in agents show`, async () => (await this.summary(agentId)).pull?.state === state)
  }

  /** What is stored of an agent: places in its chain, batches in them, and what is set aside. */
  async stored(agentId: Uint8Array): Promise<{ places: number; batches: number; aside: number }> {
    const { database } = this.collector
    const of = `agent = unhex('${agentId.toHex()}')`
    const [chain] = await this.collector.query<{ places: string; batches: string }>(
      `SELECT uniqExact(run, sequence) AS places, uniqExact(run, sequence, digest) AS batches
       FROM ${database}.batches_v1 WHERE ${of}`,
    )
    const [aside] = await this.collector.query<{ aside: string }>(
      `SELECT count() AS aside FROM ${database}.quarantine_v1 WHERE ${of}`,
    )
    return { places: Number(chain?.places), batches: Number(chain?.batches), aside: Number(aside?.aside) }
  }

  /** Waits for more batches. */
  async delivering(agentId: Uint8Array, more = 3): Promise<void> {
    const due = (await this.stored(agentId)).places + more
    await until(`${more} more batches`, async () => (await this.stored(agentId)).places >= due)
  }

  /** What is wrong with an agent's history: batches of a run that are missing, there twice, or set aside. */
  async problems(agentId: Uint8Array): Promise<string[]> {
    const runs = await this.collector.query<{ first: string; last: string; places: string }>(
      `SELECT min(sequence) AS first, max(sequence) AS last, uniqExact(sequence) AS places
       FROM ${this.collector.database}.batches_v1 WHERE agent = unhex('${agentId.toHex()}') GROUP BY run`,
    )
    const { places, batches, aside } = await this.stored(agentId)
    return [
      ...(runs.length === 0 ? ['no batch at all'] : []),
      ...runs
        .filter(({ first, last, places: all }) => first !== '1' || last !== all)
        .map(({ first, last, places: all }) => `${all} batches from ${first} to ${last}`),
      ...(batches === places ? [] : [`${batches} batches in ${places} places`]),
      ...(aside === 0 ? [] : [`${aside} set aside`]),
    ]
  }
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE.timeout
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`there was no ${what}`)
    await sleep(PATIENCE.interval)
  }
}
