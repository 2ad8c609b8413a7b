import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { FleetTotals } from '../fleet/ports.ts'
import type { GapTelemetry, Telemetry } from '../ports.ts'
import type { PullTelemetry } from '../session/puller.ts'

/** Time for which a count that was asked of the store is shown again. */
const OPEN_FRESH_MS = 60_000

/** Counts of what is missing or late; the open batches in quarantine are asked for at most once a minute. */
export function createGapMetrics(
  registry: Registry,
  countOpen: () => Promise<Result<number>>,
  now: () => number,
): GapTelemetry {
  const registers = [registry]
  const quarantined = new Counter({
    name: 'vouch_collector_quarantined_batches_total',
    help: 'Batches set aside, by fault code',
    labelNames: ['code'],
    registers,
  })
  const gaps = new Counter({
    name: 'vouch_collector_gaps_total',
    help: 'Gaps that became known, by kind: lost, quarantined or unreceived',
    labelNames: ['kind'],
    registers,
  })
  const lateBatches = new Counter({
    name: 'vouch_collector_late_batches_total',
    help: 'Batches taken whose newest reading was older than VOUCH_COLLECTOR_LATE_AFTER_MS',
    registers,
  })
  const lateReadings = new Counter({
    name: 'vouch_collector_late_readings_total',
    help: 'Readings of these batches',
    registers,
  })
  let askedMs = Number.NEGATIVE_INFINITY
  const open = new Gauge({
    name: 'vouch_collector_quarantine_open',
    help: 'Batches in quarantine without a decision, at most a minute old; NaN = the store did not answer',
    registers: [],
    async collect() {
      if (now() - askedMs < OPEN_FRESH_MS) return
      askedMs = now()
      const counted = await countOpen()
      this.set(counted.ok ? counted.value : Number.NaN)
    },
  })
  registry.registerMetric(open)
  return {
    quarantined: (code) => quarantined.inc({ code }),
    gap: (kind, count) => gaps.inc({ kind }, count),
    late: (readings) => {
      lateBatches.inc()
      lateReadings.inc(readings)
    },
  }
}

/** Counts of the agents that this collector dials. */
export function createPullMetrics(registry: Registry): PullTelemetry {
  const registers = [registry]
  const agents = new Gauge({
    name: 'vouch_collector_pull_agents',
    help: 'Agents that this collector is to dial',
    registers,
  })
  const connections = new Gauge({
    name: 'vouch_collector_pull_connections',
    help: 'Agents that it has dialled and is connected with',
    registers,
  })
  const failures = new Counter({
    name: 'vouch_collector_pull_failures_total',
    help: 'Connections that were not made, or broke, by fault code',
    labelNames: ['code'],
    registers,
  })
  return {
    pulled: (count, connected) => {
      agents.set(count)
      connections.set(connected)
    },
    failed: (code) => failures.inc({ code }),
  }
}

/** Telemetry that Prometheus can read. */
export function createMetrics(): {
  readonly registry: Registry
  readonly telemetry: Telemetry
  /** Shows the figures of the fleet, which are the same at every collector. */
  readonly showFleet: (totals: FleetTotals) => void
  /** Notes the last UTC day with a signed root, by its start in epoch milliseconds. */
  readonly dayClosed: (startMs: number) => void
  /** Notes batches whose readings another insert had to store. */
  readonly recovered: (batches: number) => void
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
  const recovered = new Counter({
    name: 'vouch_collector_recovered_batches_total',
    help: 'Batches of a cut insert whose readings were stored later',
    registers,
  })
  return {
    registry,
    showFleet: fleetGauges(registry),
    recovered: (count) => recovered.inc(count),
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
  const shared = gauge(
    'vouch_collector_resources_shared',
    'Resources for which more than one active agent is enrolled',
  )
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
    shared.set(totals.sharedResources)
    lag.set(totals.lagMaxMs / 1_000)
    offset.set(totals.clockOffsetMaxMs / 1_000)
  }
}
