import { agentBench } from './agent/bench.ts'
import type { Bench } from './bench.ts'
import { eventsBench } from './events/bench.ts'
import { fleetBench } from './fleet/bench.ts'
import { growthBench } from './growth/bench.ts'
import { ingestBench } from './ingest/bench.ts'
import { loadBench } from './load/load.ts'
import { percentileBench } from './percentile/bench.ts'
import { ratingBench } from './rating/bench.ts'
import { snmpBench } from './snmp/bench.ts'

/** Every bench, in the order of --help. */
export const BENCHES: readonly Bench[] = [
  ingestBench,
  fleetBench,
  growthBench,
  loadBench,
  ratingBench,
  percentileBench,
  eventsBench,
  agentBench,
  snmpBench,
]
