import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { Telemetry } from '../ports.ts'

/** Telemetry that Prometheus can read. */
export function createMetrics(): {
  readonly registry: Registry
  readonly telemetry: Telemetry
  /** Notes the last UTC day with a signed root, by its start in epoch milliseconds. */
  readonly dayClosed: (startMs: number) => void
} {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const batches = new Counter({
    name: 'vouch_collector_batches_total',
    help: 'Batches by what became of them: taken, duplicate, or a fault code',
    labelNames: ['outcome'],
    registers,
  })
  const readings = new Counter({ name: 'vouch_collector_readings_total', help: 'Readings stored', registers })
  const commits = new Histogram({
    name: 'vouch_collector_commit_seconds',
    help: 'Duration of an insert until it is durable',
    buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    registers,
  })
  const streams = new Gauge({
    name: 'vouch_collector_connections',
    help: 'Open connections of agents',
    registers,
  })
  const lastDay = new Gauge({
    name: 'vouch_collector_audit_last_day_timestamp_seconds',
    help: 'Start of the last UTC day whose root is signed',
    registers,
  })
  return {
    registry,
    dayClosed: (startMs) => lastDay.set(startMs / 1000),
    telemetry: {
      batch: (outcome) => batches.inc({ outcome }),
      committed: (rows, tookMs) => {
        readings.inc(rows)
        commits.observe(tookMs / 1000)
      },
      stream: (change) => streams.inc(change),
    },
  }
}
