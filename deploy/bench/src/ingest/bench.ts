import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { measure } from '../process-cost.ts'
import type { Cost } from '../process-cost.ts'
import { ratioOf, sideOf } from '../result.ts'
import type { BenchResult } from '../result.ts'
import { startCollector } from './collector.ts'
import { Delivery } from './delivery.ts'
import { BATCH_READINGS, loadAgent, shapeOf } from './fleet.ts'
import type { LoadAgent, LoadShape } from './fleet.ts'
import { REFERENCE_ROWS, measureReference } from './reference.ts'

/** What to measure. */
export interface IngestOptions {
  readonly readings: number
  /** Told what is going on. */
  readonly progress: (text: string) => void
}

/** Measures the collector from socket to receipt, then the raw engine with the same rows. Throws a FaultError. */
export async function benchIngest({ readings: asked, progress }: IngestOptions): Promise<BenchResult> {
  if (process.platform !== 'linux') {
    throwFault('UNSUPPORTED', 'processor time of other processes is read from /proc: run it on Linux')
  }
  const directory = await mkdtemp(join(tmpdir(), 'vouch-bench-'))
  try {
    const shape = shapeOf(asked)
    const { ours, agents } = await measureOurs(join(directory, 'ours'), shape, progress)
    progress('the raw engine inserts the same rows')
    const home = join(directory, 'reference')
    await mkdir(home)
    const all = shape.warmBatches + shape.batches
    const cost = await measureReference(home, agents, shape.warmBatches, all)
    const readings = shape.agents * shape.batches * BATCH_READINGS
    const figures = sideOf(readings, ours)
    const reference = sideOf(readings, cost)
    const bodyBytes = agents[0]?.batches[0]?.body.length ?? 0
    return {
      name: 'ingest',
      ratio: ratioOf(figures, reference),
      figures: { ...figures, agents: shape.agents, batchReadings: BATCH_READINGS, batchBodyBytes: bodyBytes },
      reference: { ...reference, insertReadings: Math.min(readings, REFERENCE_ROWS) },
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function measureOurs(
  directory: string,
  shape: LoadShape,
  progress: (text: string) => void,
): Promise<{ ours: Cost; agents: LoadAgent[] }> {
  progress('the collector starts')
  const collector = await startCollector(directory)
  try {
    progress(`${shape.agents} agents enrol and sign ${shape.warmBatches + shape.batches} batches each`)
    const nowMs = Date.now()
    const agents = (await collector.enrol(shape.agents)).map((identity) => loadAgent(identity, shape, nowMs))
    const deliveries = agents.map((agent) => new Delivery(collector, agent))
    const deliver = async (count: number): Promise<void> => {
      await Promise.race([
        Promise.all(deliveries.map((delivery) => delivery.deliver(count))),
        collector.child.failed,
      ])
    }
    await Promise.all(deliveries.map((delivery) => delivery.welcomed()))
    progress('warm-up')
    await deliver(shape.warmBatches)
    progress('the collector takes in what is measured')
    const ours = await measure(collector.child.pid, () => deliver(shape.warmBatches + shape.batches))
    for (const delivery of deliveries) delivery.close()
    return { ours, agents }
  } finally {
    await collector.stop()
  }
}
