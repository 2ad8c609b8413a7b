import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ENGINE_ABSENT } from '@vouch/agent/docker/testing/container-engine.ts'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { defineBench, integer } from '../bench.ts'
import type { Outcome, Progress } from '../bench.ts'
import { measure, needLinux } from '../process-cost.ts'
import type { Cost } from '../process-cost.ts'
import { hasNodeExporter, startNodeExporter } from './node-exporter.ts'
import { measureAgent } from './ours.ts'
import type { AgentPlan, OursAgent } from './ours.ts'
import { slopeOf } from './rounds.ts'

/** What of a plan may be chosen. */
export type AgentBenchOptions = Pick<AgentPlan, 'containers' | 'rounds' | 'slowRounds' | 'shortMs'>

/** The cadence of the agent's settings. */
const CADENCE_MS = 10_000
/** An older container is read once a second between looks. */
const OLD_MS = 60_000
/** The resident size, a median, and its slope are of the rounds after this share of all. */
const WARM_SHARE = 1 / 3
const RESIDENT_MAX_BYTES = 80 * 2 ** 20

/** The agent beside Debian's node exporter. */
export const agentBench = defineBench(
  {
    containers: {
      describe: 'running containers',
      parse: integer({ min: 1, max: 200 }),
      fallback: 50,
    },
    rounds: {
      describe: 'rounds on shortened time',
      parse: integer({ min: 30, max: 100_000 }),
      fallback: 360,
    },
    'slow-rounds': {
      describe: 'rounds at the cadence of ten seconds',
      parse: integer({ min: 1, max: 8640 }),
      fallback: 12,
    },
    'short-ms': {
      describe: 'milliseconds between two rounds on shortened time',
      parse: integer({ min: 100, max: CADENCE_MS }),
      fallback: 250,
    },
  },
  {
    name: 'agent',
    help: `The agent's program with the sources host and docker, beside a real engine with running containers: resident size and its slope
over rounds on shortened time, and processor time a round at the cadence of ten seconds, all that happens between looks included.
ratio = processor time of a scrape of prometheus-node-exporter ÷ that of a round of ours, at the same cadence: 1 is the target,
more is better. The exporter reads no containers. Where it is not installed, ratio is 80 MiB ÷ the resident size.`,
    run: ({ 'slow-rounds': slowRounds, 'short-ms': shortMs, ...values }, progress) =>
      benchAgent({ ...values, slowRounds, shortMs }, progress),
  },
)

/** Measures. Throws a FaultError. */
export async function benchAgent(
  options: AgentBenchOptions,
  progress: Progress,
  times: Pick<AgentPlan, 'cadenceMs' | 'oldMs'> = { cadenceMs: CADENCE_MS, oldMs: OLD_MS },
): Promise<Outcome> {
  needLinux()
  if (ENGINE_ABSENT !== '') throwFault('UNSUPPORTED', `a container engine needs ${ENGINE_ABSENT}`)
  const plan = { ...options, ...times }
  const exporter = (await hasNodeExporter()) ? await startNodeExporter() : undefined
  if (exporter === undefined) progress('not compared: prometheus-node-exporter is not installed')
  const directory = await mkdtemp(join(tmpdir(), 'vouch-bench-agent-'))
  try {
    let slowScrapes: Cost | undefined
    const ours = await measureAgent(directory, plan, progress, async () => {
      const scrapes = async (): Promise<void> => {
        for (let round = 0; round < plan.slowRounds; round++) {
          await exporter?.scrape()
          await sleep(plan.cadenceMs)
        }
      }
      if (exporter === undefined) await scrapes()
      else slowScrapes = await measure(exporter.pid, scrapes)
    })
    let scrapes: Cost | undefined
    if (exporter !== undefined) {
      progress(`${plan.rounds} scrapes of the exporter`)
      scrapes = await measure(exporter.pid, async () => {
        for (let round = 0; round < plan.rounds; round++) await exporter.scrape()
      })
    }
    return outcomeOf(plan, ours, slowScrapes, scrapes)
  } finally {
    await exporter?.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

function outcomeOf(
  plan: AgentPlan,
  ours: OursAgent,
  slowScrapes: Cost | undefined,
  scrapes: Cost | undefined,
): Outcome {
  const warm = ours.sizes.filter(({ rounds }) => rounds >= plan.rounds * WARM_SHARE)
  const sorted = warm.map(({ bytes }) => bytes).toSorted((a, b) => a - b)
  const residentBytes = sorted[Math.floor(sorted.length / 2)] ?? 0
  const cpuMsPerRound = perRound(ours.slow, plan.slowRounds)
  const reference = slowScrapes && {
    cpuMsPerRound: perRound(slowScrapes, plan.slowRounds),
    shortCpuMsPerRound: perRound(scrapes!, plan.rounds),
    peakBytes: scrapes!.peakBytes,
  }
  const ratio =
    reference === undefined ? RESIDENT_MAX_BYTES / residentBytes : reference.cpuMsPerRound / cpuMsPerRound
  const failure = failureOf(residentBytes, cpuMsPerRound, reference?.cpuMsPerRound)
  const result = {
    name: 'agent',
    ratio: Math.round(1000 * ratio) / 1000,
    figures: {
      containers: plan.containers,
      batchReadings: ours.readings,
      cpuMsPerRound,
      shortCpuMsPerRound: perRound(ours.short, ours.shortRounds),
      youngCpuMsPerRound: ours.young.cpuMs,
      rounds: ours.shortRounds,
      residentBytes,
      residentMostBytes: sorted.at(-1) ?? 0,
      residentSlopeBytesPerRound: Math.round(slopeOf(warm)),
      peakBytes: ours.slow.peakBytes,
    },
    reference: reference ?? {},
  }
  return { result, failure }
}

function failureOf(
  residentBytes: number,
  cpuMsPerRound: number,
  referenceMs: number | undefined,
): string | undefined {
  if (cpuMsPerRound === 0 || referenceMs === 0)
    return 'less than 10 ms of processor time, the least that Linux shows: ask for more slow rounds'
  return residentBytes > RESIDENT_MAX_BYTES
    ? `the agent took ${Math.round(residentBytes / 2 ** 20)} MiB; 80 is the target`
    : undefined
}

function perRound({ cpuMs }: Cost, rounds: number): number {
  return rounds === 0 ? 0 : Math.round((100 * cpuMs) / rounds) / 100
}
