import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openEngine, serveEngine } from '@vouch/clickhouse'
import type { Engine } from '@vouch/clickhouse'
import { createTestDatabase } from '@vouch/postgres'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { COLLECTOR, createToken, freePort, installAgent } from '../chaos/installation.ts'
import type { AgentInstallation } from '../chaos/installation.ts'
import { kernelLevels, watchKernel } from '../chaos/kernel.ts'
import { program } from '../chaos/program.ts'
import type { Program } from '../chaos/program.ts'
import { judge } from '../chaos/verdict.ts'
import { isReady, startBalancer } from './balancer.ts'
import type { Backend, Balancer } from './balancer.ts'

/** How to run. */
export interface RollingOptions {
  readonly agents: number
  /** How often each collector is restarted in its turn; one turn more is a kill -9. */
  readonly rounds: number
  /** Hears of each restart. */
  readonly onRestart?: (text: string) => void
}

/** One agent in figures. */
export interface AgentFigures {
  readonly resource: string
  readonly batches: number
  readonly readings: number
  /** Longest time between two batches that were taken in one after the other, milliseconds; a second is ordinary. */
  readonly longestPauseMs: number
}

/** What happened, and what was wrong about it. */
export interface RollingReport {
  readonly problems: readonly string[]
  readonly agents: readonly AgentFigures[]
  /** Orderly restarts and kills. */
  readonly restarts: number
  readonly kills: number
  /** Connections that each collector was given. */
  readonly given: readonly number[]
}

interface Node extends Backend {
  readonly collector: Program
}

const READY_TIMEOUT_MS = 30_000
const LOOK_EVERY_MS = 50
const KERNEL_EVERY_MS = 200
/** Time for agents to spread and deliver before the next restart. */
const BETWEEN_MS = 2_000

/** Restarts two collectors in turn, behind a balancer and on stores that they share, while agents deliver. */
export async function restartInTurn(options: RollingOptions): Promise<RollingReport> {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-rolling-'))
  const postgres = await createTestDatabase()
  const engine = unwrap(await openEngine(join(directory, 'clickhouse')))
  const server = await serveEngine(engine)
  const nodes = await Promise.all([0, 1].map(() => describeNode(server.url, postgres.url)))
  let agents: AgentInstallation[] = []
  let balancer: Balancer | undefined
  try {
    // The first migrates: two at once may, but then nobody waits for the other.
    for (const node of nodes) await startNode(node)
    balancer = await startBalancer(nodes)
    agents = await installAgents(directory, balancer.address, postgres.url, options.agents)
    return await observe(engine, nodes, agents, balancer, options)
  } finally {
    await Promise.all(
      [...agents.map(({ agent }) => agent), ...nodes.map(({ collector }) => collector)].map((each) =>
        each.kill(),
      ),
    )
    await balancer?.close()
    await server.close()
    await engine.close()
    await postgres.dispose()
    await rm(directory, { recursive: true, force: true })
  }
}

async function observe(
  engine: Engine,
  nodes: readonly Node[],
  agents: readonly AgentInstallation[],
  balancer: Balancer,
  { rounds, onRestart = () => {} }: RollingOptions,
): Promise<RollingReport> {
  const stopWatching = watchKernel(KERNEL_EVERY_MS)
  const fromMs = Date.now()
  for (const { agent } of agents) agent.start()
  await sleep(BETWEEN_MS)
  const problems: string[] = []
  for (let turn = 0; turn < rounds * nodes.length + 1; turn++) {
    const node = nodes[turn % nodes.length]!
    const isKill = turn === rounds * nodes.length
    const code = isKill ? await node.collector.kill().then(() => 0) : await node.collector.stop()
    if (code !== 0) problems.push(`a collector stopped with ${code}`)
    await startNode(node)
    onRestart(`${node.address} ${isKill ? 'killed' : 'stopped'} and ready again`)
    await sleep(BETWEEN_MS)
  }
  const codes = await Promise.all(agents.map(({ agent }) => agent.stop()))
  for (const { collector } of nodes) codes.push(await collector.stop())
  if (codes.some((code) => code !== 0))
    problems.push(`exit codes of agents and collectors: ${codes.join(', ')}`)
  problems.push(
    ...[...agents.map(({ agent }) => agent), ...nodes.map(({ collector }) => collector)].flatMap(
      ({ accidents }) => accidents,
    ),
  )
  const observed = { looks: stopWatching(), levels: kernelLevels(), kills: [], fromMs, toMs: Date.now() }
  const figures: AgentFigures[] = []
  for (const installed of agents) {
    const verdict = await judge(engine, installed, observed, 'several')
    problems.push(...verdict.problems.map((problem) => `${installed.resource}: ${problem}`))
    const { batches, readings } = verdict
    figures.push({
      resource: installed.resource,
      batches,
      readings,
      longestPauseMs: await longestPauseMs(engine, installed),
    })
  }
  problems.push(...(await strangers(engine, figures)))
  return { problems, agents: figures, restarts: rounds * nodes.length, kills: 1, given: balancer.given }
}

async function describeNode(clickhouseUrl: string, databaseUrl: string): Promise<Node> {
  const [address, probes] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`]
  const env = {
    VOUCH_TLS: 'off',
    VOUCH_LOG_LEVEL: 'warn',
    VOUCH_CLICKHOUSE_URL: clickhouseUrl,
    VOUCH_DATABASE_URL: databaseUrl,
    VOUCH_COLLECTOR_LISTEN: address,
    VOUCH_COLLECTOR_HTTP_LISTEN: probes,
  }
  return { address, probes, collector: program('vouch-collector', COLLECTOR, env) }
}

async function startNode({ collector, probes, address }: Node): Promise<void> {
  collector.start()
  const deadlineMs = performance.now() + READY_TIMEOUT_MS
  while (!(await isReady(probes))) {
    if (performance.now() > deadlineMs)
      throw new Error(`${address} is not ready: ${collector.accidents.join()}`)
    await sleep(LOOK_EVERY_MS)
  }
}

async function installAgents(
  directory: string,
  address: string,
  databaseUrl: string,
  count: number,
): Promise<AgentInstallation[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const token = await createToken({ VOUCH_DATABASE_URL: databaseUrl, VOUCH_DATA_DIR: directory })
      return installAgent(directory, `rolling-${index}`, address, token)
    }),
  )
}

async function ask(engine: Engine, sql: string): Promise<bigint> {
  const client = await engine.connect()
  const rows = await (await client.query({ query: sql, format: 'JSONEachRow' })).json<{ answer: string }>()
  return BigInt(rows[0]?.answer ?? 0)
}

async function longestPauseMs(engine: Engine, { publicKey }: AgentInstallation): Promise<number> {
  const key = (await publicKey()).toHex()
  const answer = await ask(
    engine,
    `SELECT toString(max(pause)) AS answer FROM (
       SELECT received, toUnixTimestamp64Milli(received) - lagInFrame(toUnixTimestamp64Milli(received), 1, toUnixTimestamp64Milli(received)) OVER (ORDER BY received) AS pause
       FROM vouch.batches_v1 WHERE agent IN (SELECT agent FROM vouch.agent_keys_v1 WHERE public_key = unhex('${key}')))`,
  )
  return Number(answer)
}

/** Readings and batches of nobody: the agents' own were counted one by one. */
async function strangers(engine: Engine, agents: readonly AgentFigures[]): Promise<string[]> {
  const stored = {
    batches: await ask(engine, 'SELECT toString(count()) AS answer FROM vouch.batches_v1'),
    readings: await ask(engine, 'SELECT toString(count()) AS answer FROM vouch.readings_v1'),
  }
  return (['batches', 'readings'] as const).flatMap((kind) => {
    const own = agents.reduce((sum, figures) => sum + BigInt(figures[kind]), 0n)
    return own === stored[kind] ? [] : [`${stored[kind]} ${kind} are stored, the agents have ${own}`]
  })
}
