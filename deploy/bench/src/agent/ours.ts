import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { create, toBinary } from '@bufbuild/protobuf'
import { ContainerEngine } from '@vouch/agent/docker/testing/container-engine.ts'
import type { FakeCollector } from '@vouch/agent/testing/fake-collector.ts'
import { PolicySchema } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import { startAgent } from '../agent-process.ts'
import type { AgentProcess } from '../agent-process.ts'
import type { Progress } from '../bench.ts'
import { measure, residentBytesOf } from '../process-cost.ts'
import type { Cost } from '../process-cost.ts'
import { RoundCount } from './rounds.ts'
import type { SizeAt } from './rounds.ts'

/** How an agent is measured. */
export interface AgentPlan {
  readonly containers: number
  /** Rounds on shortened time. */
  readonly rounds: number
  /** Rounds at the cadence of users. */
  readonly slowRounds: number
  /** Milliseconds between two looks on shortened time. */
  readonly shortMs: number
  /** Milliseconds between two looks of users. */
  readonly cadenceMs: number
  /** Age at which a container counts as old, milliseconds. */
  readonly oldMs: number
}

/** What the agent took. */
export interface OursAgent {
  /** From the last container's start, milliseconds of processor time a cadence, without a look. */
  readonly young: Cost
  readonly short: Cost
  readonly shortRounds: number
  readonly slow: Cost
  /** Resident size of the rounds on shortened time. */
  readonly sizes: readonly SizeAt[]
  readonly readings: number
}

/** Batches of users hold so many rounds. */
const ROUNDS_PER_BATCH = 6
const STARTED_AT_ONCE = 4
const POLL_MS = 100

/**
 * An agent with the sources host and docker, beside running containers: first while they are young, with no look
 * within a cadence; then many rounds on shortened time; then `during` goes on at the cadence of users.
 */
export async function measureAgent(
  directory: string,
  plan: AgentPlan,
  progress: Progress,
  during: () => Promise<void>,
): Promise<OursAgent> {
  progress(`${plan.containers} containers start`)
  const engine = await ContainerEngine.start()
  try {
    await startContainers(engine, plan.containers)
    const agent = await startAgent(directory, {
      VOUCH_AGENT_SOURCES: 'host,docker',
      VOUCH_AGENT_DOCKER_SOCKET: engine.socket,
      VOUCH_AGENT_CADENCE_MS: `${plan.cadenceMs}`,
      VOUCH_AGENT_BATCH_INTERVAL_MS: `${ROUNDS_PER_BATCH * plan.cadenceMs}`,
      VOUCH_AGENT_CADENCE_MIN_MS: '100',
    })
    try {
      return await Promise.race([measureRounds(agent, plan, progress, during), agent.child.failed])
    } finally {
      await agent.stop()
    }
  } finally {
    await engine.stop()
  }
}

async function measureRounds(
  { child: { pid }, collector }: AgentProcess,
  plan: AgentPlan,
  progress: Progress,
  during: () => Promise<void>,
): Promise<OursAgent> {
  const count = new RoundCount(collector)
  progress('the containers are young')
  const young = await measure(pid, () => sleep(plan.cadenceMs))
  await sleep(plan.oldMs)
  progress(`${plan.rounds} rounds, one every ${plan.shortMs} ms`)
  const sizes: SizeAt[] = []
  const before = count.rounds
  let after = before
  setCadence(collector, plan.shortMs)
  const short = await measure(pid, async () => {
    while (after - before < plan.rounds) {
      await sleep(POLL_MS)
      after = count.rounds
      const bytes = residentBytesOf(await readFile(`/proc/${pid}/status`, 'utf8'))
      sizes.push({ rounds: after - before, bytes })
    }
  })
  progress(`${plan.slowRounds} rounds, one every ${plan.cadenceMs} ms`)
  setCadence(collector, plan.cadenceMs)
  await sleep(plan.cadenceMs)
  const slow = await measure(pid, during)
  const readings = collector.arrived.at(-1)?.columns.timeMs.length ?? 0
  return { young, short, shortRounds: after - before, slow, sizes, readings }
}

async function startContainers(engine: ContainerEngine, count: number): Promise<void> {
  await engine.docker('network', 'create', '--subnet', '10.231.8.0/24', 'bench')
  const indexes = Array.from({ length: count }, (_, index) => index).values()
  const starter = async (): Promise<void> => {
    for (const index of indexes)
      await engine.script('while :; do sleep 1; done', '--network', 'bench', '--name', `bench-${index}`)
  }
  await Promise.all(Array.from({ length: STARTED_AT_ONCE }, starter))
}

/** A policy reaches an agent when it connects. */
function setCadence(collector: FakeCollector, cadenceMs: number): void {
  const policy = create(PolicySchema, {
    version: BigInt(Date.now()),
    expiresMs: BigInt(Date.now() + 86_400_000),
    cadenceMs,
    batchIntervalMs: ROUNDS_PER_BATCH * cadenceMs,
  })
  collector.policy = toBinary(PolicySchema, policy)
  collector.handOver()
}
