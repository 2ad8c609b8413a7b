import { setTimeout as sleep } from 'node:timers/promises'
import { openEngine } from '@vouch/clickhouse'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { AgentKill } from './audit.ts'
import { install } from './installation.ts'
import type { Installation } from './installation.ts'
import { kernelLevels, watchKernel } from './kernel.ts'
import type { KernelLook } from './kernel.ts'
import type { Program } from './program.ts'
import { seededRandom } from './random.ts'
import type { Tally } from '../proxy/disorder.ts'
import { judge } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/** How to run. */
export interface KillOptions {
  /** How long the killing goes on. */
  readonly killForMs: number
  /** What the moments of the kills follow from. */
  readonly seed: number
  /** Whether batches and receipts pass through a proxy that duplicates, reorders, delays, replays and drops. */
  readonly proxy: boolean
  /** Hears of each kill. */
  readonly onKill?: (text: string) => void
}

/** What happened, and what was wrong about it. */
export interface KillReport extends Verdict {
  readonly agentKills: number
  readonly collectorKills: number
  /** What the proxy did, where there was one. */
  readonly proxy: { readonly batches: Tally; readonly receipts: Tally } | undefined
}

/** Longest time a program lives, milliseconds: sometimes too short to start, sometimes enough to work. */
const AGENT_LIFE_MAX_MS = 7000
const COLLECTOR_LIFE_MAX_MS = 11_000
const LIFE_MIN_MS = 100
const LOOK_EVERY_MS = 200
const SETTLE_MS = 3000

/** Kills agent and collector at random moments while the agent meters, then compares what is billed with what was. */
export async function killAtRandom({
  killForMs,
  seed,
  proxy,
  onKill = () => {},
}: KillOptions): Promise<KillReport> {
  const installation = await install(proxy ? seed : undefined)
  try {
    const stopWatching = watchKernel(LOOK_EVERY_MS)
    const fromMs = Date.now()
    installation.collector.start()
    installation.agent.start()
    const untilMs = fromMs + killForMs
    const [agentKills, collectorKills] = await Promise.all([
      killUntil(installation.agent, untilMs, AGENT_LIFE_MAX_MS, seededRandom(seed), onKill),
      killUntil(installation.collector, untilMs, COLLECTOR_LIFE_MAX_MS, seededRandom(~seed), onKill),
    ])
    // The last life of each is an ordinary one, so that everything can be delivered.
    await sleep(SETTLE_MS)
    const accidents = await stopInOrder(installation)
    const looks: readonly KernelLook[] = stopWatching()
    const levels = kernelLevels()
    const observed = { looks, levels, kills: agentKills, fromMs, toMs: Date.now() }
    const engine = unwrap(await openEngine(installation.engineDirectory))
    const verdict = await judge(engine, installation, observed)
    await engine.close()
    return {
      ...verdict,
      problems: [...accidents, ...verdict.problems],
      agentKills: agentKills.length,
      collectorKills: collectorKills.length,
      proxy: installation.proxy,
    }
  } finally {
    await Promise.all([installation.agent.kill(), installation.collector.kill()])
    await installation.dispose()
  }
}

async function killUntil(
  victim: Program,
  untilMs: number,
  lifeMaxMs: number,
  random: () => number,
  onKill: (text: string) => void,
): Promise<AgentKill[]> {
  const kills: AgentKill[] = []
  for (;;) {
    const lifeMs = LIFE_MIN_MS + Math.floor(random() * (lifeMaxMs - LIFE_MIN_MS))
    if (Date.now() + lifeMs > untilMs) return kills
    await sleep(lifeMs)
    const { endedMs } = await victim.kill()
    victim.start()
    kills.push({ endedMs, restartedMs: Date.now() })
    onKill(`${victim.name} killed after ${lifeMs} ms`)
  }
}

/** The agent first: it waits for its last receipts. */
async function stopInOrder({ agent, collector }: Installation): Promise<string[]> {
  const codes = [await agent.stop(), await collector.stop()]
  const disorderly = codes.some((code) => code !== 0)
    ? [`exit codes of agent and collector: ${codes.join(', ')}`]
    : []
  return [...agent.accidents, ...collector.accidents, ...disorderly]
}
