import { setTimeout as sleep } from 'node:timers/promises'
import { startCollector } from '../collector-process.ts'
import type { CollectorProcess } from '../collector-process.ts'
import { LoadAgent } from '../load/agent.ts'
import { BodyTemplate } from '../load/body-template.ts'
import { Tally } from '../load/tally.ts'
import { measure } from '../process-cost.ts'
import type { Cost } from '../process-cost.ts'
import { Delivery } from './delivery.ts'
import { BATCH } from './shape.ts'
import type { LoadShape } from './shape.ts'

/** What the collector did. */
export interface Ours {
  readonly cost: Cost
  /** Receipts while the collector had half of what it can take. */
  readonly halfLoad: Tally
  /** Batches a second then. */
  readonly halfLoadBatchesPerSecond: number
  /** As they were, for comparing what is stored with what was sent. */
  readonly agents: readonly LoadAgent[]
}

const HALF_LOAD_MS = 10_000
const TICK_MS = 4
/** Batches of an agent that half load may take, for which time is left before now. */
const HALF_LOAD_BATCHES_MAX = 2_000

/** Delivers the load as fast as the collector takes it, then at half that rate for `halfLoadMs`. */
export async function measureOurs(
  directory: string,
  shape: LoadShape,
  progress: (text: string) => void,
  halfLoadMs = HALF_LOAD_MS,
): Promise<Ours> {
  progress('the collector starts')
  const collector = await startCollector(directory)
  try {
    const all = shape.warmBatches + shape.batches
    progress(`${shape.agents} agents enrol and sign ${all} batches each`)
    const agents = await newAgents(collector, shape.agents, all + HALF_LOAD_BATCHES_MAX)
    const deliveries = agents.map((agent) => new Delivery(collector.dialler, agent))
    const guarded = async (work: Promise<unknown>): Promise<void> => {
      await Promise.race([work, collector.child.failed])
    }
    const deliver = (count: number): Promise<void> =>
      guarded(Promise.all(deliveries.map((delivery) => delivery.deliver(count))))
    await guarded(Promise.all(deliveries.map((delivery) => delivery.welcomed())))
    presign(agents, all)
    progress('warm-up')
    await deliver(shape.warmBatches)
    progress('the collector takes in what is measured')
    const cost = await measure(collector.child.pid, () => deliver(all))
    const rate = (shape.agents * shape.batches * 1000) / cost.wallMs / 2
    progress(`half of that, ${Math.round(rate)} batches a second, for ${halfLoadMs} ms`)
    const halfLoad = new Tally()
    await guarded(sendEvenly(deliveries, rate, halfLoadMs, halfLoad))
    for (const delivery of deliveries) delivery.close()
    return { cost, halfLoad, halfLoadBatchesPerSecond: rate, agents }
  } finally {
    await collector.stop()
  }
}

async function newAgents(
  collector: CollectorProcess,
  count: number,
  batchesMax: number,
): Promise<LoadAgent[]> {
  const template = new BodyTemplate(BATCH)
  const startMs = Date.now() - batchesMax * template.batchMs
  return (await collector.enrol(count)).map((identity) => {
    const agent = new LoadAgent(identity, template)
    agent.startMs = startMs
    return agent
  })
}

/** Signing is the agents' cost: it is done before anything is measured. */
function presign(agents: readonly LoadAgent[], count: number): void {
  for (const agent of agents) {
    agent.limit = 0
    const tally = new Tally()
    while (agent.sealed < count) agent.seal(tally)
  }
}

async function sendEvenly(
  deliveries: readonly Delivery[],
  batchesPerSecond: number,
  forMs: number,
  tally: Tally,
): Promise<void> {
  const startedMs = performance.now()
  let sent = 0
  for (;;) {
    const elapsedMs = performance.now() - startedMs
    if (elapsedMs >= forMs) break
    const due = Math.min((elapsedMs * batchesPerSecond) / 1000, deliveries.length * HALF_LOAD_BATCHES_MAX)
    for (; sent < due; sent++) deliveries[sent % deliveries.length]?.sealAndSend(tally)
    await sleep(TICK_MS)
  }
  await Promise.all(deliveries.map((delivery) => delivery.deliver(delivery.agent.sealed)))
}
