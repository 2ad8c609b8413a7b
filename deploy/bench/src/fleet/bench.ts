import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { choice, defineBench, integer } from '../bench.ts'
import type { Outcome, Progress } from '../bench.ts'
import { startCollector } from '../collector-process.ts'
import { startEngine } from '../engine.ts'
import { BodyTemplate } from '../load/body-template.ts'
import { Fleet } from '../load/fleet.ts'
import { outcomeOf, runFleet } from '../load/load.ts'
import { seededRandom } from '../load/random.ts'
import { DEADLINE_MS } from '../load/tally.ts'
import { MemoryWatch, needLinux } from '../process-cost.ts'

/** What to measure. */
export interface FleetBenchOptions {
  readonly agents: number
  readonly seconds: number
  /** `off` where a load balancer before the collector does it. */
  readonly tls?: 'on' | 'off'
  /** Between batches of an agent, milliseconds; {@link SHAPE} says it where nothing is given. */
  readonly spacingMs?: number
}

/** A reading of each of 200 streams every ten seconds. */
const SHAPE = { streams: 200, rows: 1, spacingMs: 10_000 }
const MEMORY_TARGET_BYTES = 2 ** 30
/** Files that a process has open beside its connections. */
const FILES_SPARE = 500
/** Of the moments at which the agents' batches fall due. */
const SEED = 1

/** Ten thousand agents on one collector. */
export const fleetBench = defineBench(
  {
    agents: { describe: 'agents connected', parse: integer({ min: 1, max: 50_000 }), fallback: 10_000 },
    seconds: {
      describe: 'measured, after all are connected',
      parse: integer({ min: 5, max: 86_400 }),
      fallback: 60,
    },
    tls: {
      describe: 'off = as behind a load balancer that does it',
      parse: choice(['on', 'off']),
      fallback: 'on',
    },
  },
  {
    name: 'fleet',
    help: `Agents connected over TLS to one collector, each with a batch of ${SHAPE.streams} readings (one of each of ${SHAPE.streams} streams)
every ${SHAPE.spacingMs / 1000} s. The engine runs in a process of its own behind HTTP, so that the memory is the collector's alone.
ratio = 1 GiB ÷ peak resident size of the collector: 1 or more is the target. Ends with code 1 where a batch got
no receipt. The limit of open files must be above the number of agents: it is checked.`,
    run: async (values, progress) => benchFleet(values, progress),
  },
)

/** Connects a fleet and watches the collector's memory. Throws a FaultError. */
export async function benchFleet(
  { agents, seconds, tls = 'on', spacingMs = SHAPE.spacingMs }: FleetBenchOptions,
  progress: Progress,
): Promise<Outcome> {
  needLinux()
  await needFiles(agents + FILES_SPARE)
  const directory = await mkdtemp(join(tmpdir(), 'vouch-bench-'))
  const engine = startEngine(join(directory, 'engine'))
  try {
    progress('the engine and the collector start')
    const url = await engine.serve()
    const collector = await startCollector(join(directory, 'collector'), {
      VOUCH_CLICKHOUSE_URL: url,
      VOUCH_COLLECTOR_CONNECTIONS_MAX: String(agents + FILES_SPARE),
      VOUCH_TLS: tls,
    })
    try {
      const memory = new MemoryWatch(collector.child.pid)
      await memory.sample()
      progress(`${agents} agents enrol`)
      const identities = await collector.enrol(agents)
      const template = new BodyTemplate({ ...SHAPE, spacingMs })
      const { dialler } = collector
      const fleet = new Fleet({
        dialler,
        template,
        identities,
        reconnectMs: undefined,
        random: seededRandom(SEED),
      })
      const figures = await Promise.race([
        runFleet(fleet, seconds, progress, () => memory.start()),
        collector.child.failed,
        engine.child.failed,
      ])
      return outcome({ ...figures, ...(await memory.stop()), agents, batchReadings: SHAPE.streams })
    } finally {
      await collector.stop()
    }
  } finally {
    await engine.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

function outcome(figures: Readonly<Record<string, number>>): Outcome {
  const { result, failure } = outcomeOf('fleet', figures)
  const ratio = Math.round((1000 * MEMORY_TARGET_BYTES) / (figures['collectorPeakBytes'] ?? 1)) / 1000
  const reference = { peakBytes: MEMORY_TARGET_BYTES, deadlineMs: DEADLINE_MS }
  return { result: { ...result, ratio, reference }, failure }
}

/** The limit of open files is inherited by the collector. */
async function needFiles(count: number): Promise<void> {
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', 'ulimit -n'])
  const limit = stdout.trim() === 'unlimited' ? Number.POSITIVE_INFINITY : Number(stdout.trim())
  if (limit < count)
    throwFault(
      'UNSUPPORTED',
      `this shell allows ${limit} open files, ${count} are needed: ulimit -n ${count}`,
    )
}
