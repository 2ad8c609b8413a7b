import type { BatchShape } from '../load/body-template.ts'

/** Shape of the load. */
export interface LoadShape {
  readonly agents: number
  /** Batches of an agent that come before the measurement, and those measured. */
  readonly warmBatches: number
  readonly batches: number
}

/** A minute of 200 streams at a cadence of ten seconds. */
export const BATCH: BatchShape = { streams: 200, rows: 6, spacingMs: 10_000 }
/** Readings of a batch. */
export const BATCH_READINGS = BATCH.streams * BATCH.rows
const BATCHES_PER_AGENT = 64
/** Until the collector's code is compiled: the first batches cost several times as much. */
const WARM_BATCHES = 32

/** Agents and batches for at least so many readings: an hour of each agent, and agents as many as that takes. */
export function shapeOf(readings: number): LoadShape {
  const batches = Math.ceil(readings / BATCH_READINGS)
  const agents = Math.ceil(batches / BATCHES_PER_AGENT)
  return { agents, warmBatches: WARM_BATCHES, batches: Math.ceil(batches / agents) }
}
