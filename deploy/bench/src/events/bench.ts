import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { epochsOf } from '@vouch/agent/testing/fake-collector.ts'
import type { FakeCollector } from '@vouch/agent/testing/fake-collector.ts'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { startAgent } from '../agent-process.ts'
import { defineBench, integer } from '../bench.ts'
import type { Progress } from '../bench.ts'
import { freePort } from '../port.ts'
import { measure, needLinux } from '../process-cost.ts'
import type { Cost } from '../process-cost.ts'
import { middle } from '../result.ts'
import type { BenchResult } from '../result.ts'
import { measureRaw } from './reference.ts'
import { sendAll } from './sender.ts'
import { EVENTS_FILE, makeLoad } from './shape.ts'

/** What to measure. */
export interface EventsOptions {
  readonly events: number
  /** Events of a request. */
  readonly batch: number
  readonly connections: number
  /** Ours and the reference take turns so many times. */
  readonly rounds: number
}

/** Events of the warm-up at most, in which the code is compiled. */
const WARM_EVENTS = 50_000

/** CloudEvents from a request to counters on disk, beside raw SQLite. */
export const eventsBench = defineBench(
  {
    events: {
      describe: 'events measured, rounded up to whole requests',
      parse: integer({ min: 1, max: 1_500_000 }),
      fallback: 400_000,
    },
    batch: {
      describe: 'events of a request',
      parse: integer({ min: 1, max: 5000 }),
      fallback: 500,
    },
    connections: {
      describe: 'senders, each of which waits for its answer',
      parse: integer({ min: 1, max: 100 }),
      fallback: 4,
    },
    rounds: {
      describe: 'times that ours and the reference take turns; the middle ratio counts',
      parse: integer({ min: 1, max: 99 }),
      fallback: 3,
    },
  },
  {
    name: 'events',
    help: `CloudEvents in batches over HTTP to the real agent, each answered when it is on disk; all are found again in the readings
that the agent then delivers. Beside raw SQLite inserting the same ids into the same table in the same transactions.
ratio = events a CPU-second of the agent ÷ ids a CPU-second of the raw process: 1 would mean that HTTP, JSON, checks
and counters cost nothing. eventsPerSecond: 20,000 is the target on two cores.`,
    run: async (values, progress) => ({ result: await benchEvents(values, progress), failure: undefined }),
  },
)

interface Round {
  readonly events: number
  readonly ours: Cost
  readonly raw: Cost
  readonly transactions: number
}

/** Measures everything in turns. Throws a FaultError. */
export async function benchEvents(options: EventsOptions, progress: Progress): Promise<BenchResult> {
  needLinux()
  const rounds: Round[] = []
  for (let round = 1; round <= options.rounds; round++) {
    progress(`round ${round} of ${options.rounds}`)
    rounds.push(await oneRound(options, progress))
  }
  const shown = middle(rounds, ratioOf)
  const perSecond = rounds.map(({ events, ours }) => rate(events, ours.wallMs))
  return {
    name: 'events',
    ratio: ratioOf(shown),
    figures: {
      ...sideOf(shown.events, shown.ours),
      batchEvents: options.batch,
      connections: options.connections,
      transactions: shown.transactions,
      rounds: options.rounds,
      ratioMin: Math.min(...rounds.map(ratioOf)),
      ratioMax: Math.max(...rounds.map(ratioOf)),
      eventsPerSecondMin: Math.min(...perSecond),
      eventsPerSecondMax: Math.max(...perSecond),
    },
    reference: { ...sideOf(shown.events, shown.raw), transactions: shown.transactions },
  }
}

async function oneRound({ events, batch, connections }: EventsOptions, progress: Progress): Promise<Round> {
  const warm = makeLoad(Math.ceil(Math.min(WARM_EVENTS, events) / batch), batch)
  const measured = makeLoad(Math.ceil(events / batch), batch)
  const directory = await mkdtemp(join(tmpdir(), 'vouch-bench-events-'))
  try {
    const port = await freePort()
    const file = join(directory, 'events.yaml')
    await writeFile(file, EVENTS_FILE)
    const agent = await startAgent(directory, {
      VOUCH_AGENT_SOURCES: 'events',
      VOUCH_AGENT_EVENTS_LISTEN: `127.0.0.1:${port}`,
      VOUCH_AGENT_EVENTS_FILE: file,
    })
    let ours: Cost
    try {
      progress('warm-up')
      await sendAll(port, warm.bodies, connections)
      progress('the agent takes what is measured')
      ours = await measure(agent.child.pid, () => sendAll(port, measured.bodies, connections))
    } finally {
      await agent.stop()
    }
    checkTotals(agent.collector, [warm.totals, measured.totals])
    progress('raw SQLite inserts the same ids')
    const { cost: raw, transactions } = await measureRaw(
      {
        path: join(agent.stateDir, 'events.sqlite'),
        warmEvents: warm.bodies.length * batch,
        events: measured.bodies.length * batch,
      },
      join(directory, 'raw.sqlite'),
    )
    return { events: measured.bodies.length * batch, ours, raw, transactions }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** What arrived as readings is what was sent as events. Throws INTERNAL. */
function checkTotals(collector: FakeCollector, loads: readonly ReadonlyMap<string, bigint>[]): void {
  const arrived = new Map<string, bigint>()
  for (const { meter, readings } of epochsOf(collector)) {
    const registers = [...readings.values()]
    const usage = registers.at(-1)! - registers[0]!
    arrived.set(meter, (arrived.get(meter) ?? 0n) + usage)
  }
  for (const meter of loads[0]!.keys()) {
    const sent = loads.reduce((sum, totals) => sum + (totals.get(meter) ?? 0n), 0n)
    if (arrived.get(meter) !== sent)
      throwFault('INTERNAL', `${sent} of ${meter} were sent, and ${arrived.get(meter)} arrived as readings`)
  }
}

function sideOf(events: number, { wallMs, cpuMs, peakBytes }: Cost): Record<string, number> {
  return {
    events,
    wallMs: Math.round(wallMs),
    cpuMs,
    eventsPerSecond: rate(events, wallMs),
    eventsPerCpuSecond: rate(events, cpuMs),
    peakBytes,
  }
}

function rate(events: number, ms: number): number {
  return ms === 0 ? 0 : Math.round((events * 1000) / ms)
}

function ratioOf({ ours, raw }: Round): number {
  return ours.cpuMs === 0 ? 0 : Math.round((1000 * raw.cpuMs) / ours.cpuMs) / 1000
}
