import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { FleetTotals, Telemetry } from '../ports.ts'

/** Telemetry that Prometheus can read. */
export function createMetrics(): {
  readonly registry: Registry
  readonly telemetry: Telemetry
  /** Shows the figures of the fleet, which are the same at every collector. */
  readonly showFleet: (totals: FleetTotals) => void
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
  return {
    registry,
    showFleet: fleetGauges(registry),
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

function fleetGauges(registry: Registry): (totals: FleetTotals) => void {
  const registers = [registry]
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers })
  const agents = new Gauge({
    name: 'vouch_collector_agents',
    help: 'Agents of the fleet by state',
    labelNames: ['state'],
    registers,
  })
  const silent = gauge('vouch_collector_agents_silent', 'Active agents that nobody has seen for too long')
  const lag = gauge(
    'vouch_collector_agent_lag_seconds_max',
    'Longest time since the newest reading of an agent that is neither silent nor stopped',
  )
  const offset = gauge(
    'vouch_collector_agent_clock_offset_seconds_max',
    "Largest difference between an agent's clock and a collector's, of either sign",
  )
  return (totals) => {
    for (const [state, count] of Object.entries(totals.agents)) agents.set({ state }, count)
    silent.set(totals.silent)
    lag.set(totals.lagMaxMs / 1_000)
    offset.set(totals.clockOffsetMaxMs / 1_000)
  }
}
