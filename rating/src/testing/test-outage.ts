import type { JsonObject } from '@bufbuild/protobuf'
import { RegisterKind } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { rateSnapshot } from '../rate/rate.ts'
import { type Sent, createMemoryStore } from './memory-store.ts'
import { type Sample, type TestBatch, createTestAgent } from './test-agent.ts'
import { tariffOf } from './test-day.ts'
import { snapshotOf } from './test-proof.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** Two days in Berlin, the second of them the one on which clocks go forward. */
export const DAYS: Period = { from: Date.UTC(2026, 2, 27, 23), to: Date.UTC(2026, 2, 29, 22) }

/** When an agent was away, in hours from the start of {@link DAYS}. */
export interface Outage {
  readonly from: number
  readonly to: number
}

/**
 * A host that holds memory, more of it from hour to hour of the day, and whose agent is away now and then: each time the register begins anew.
 * A container on it holds a fixed amount in some of the hours.
 */
export function outage(
  name: string,
  outages: readonly Outage[],
  container: { readonly from: number; readonly to: number } = { from: 0, to: 48 },
): Sent {
  const agent = createTestAgent(name)
  const host = agent.define(`host:${name}`, 'host.memory.held', 'MiB-second', RegisterKind.INTEGRAL)
  const inside = agent.define(
    `host:${name}/container:c`,
    'container.memory.held',
    'MiB-second',
    RegisterKind.INTEGRAL,
  )
  const batches: TestBatch[] = []
  const minutes = (DAYS.to - DAYS.from) / MINUTE_MS
  let [epoch, since, held, kept] = [0n, 0, 0n, 0n]
  let samples: Sample[] = []
  const seal = (): void => {
    if (samples.length > 0) batches.push(agent.seal(samples))
    samples = []
  }
  for (let minute = 0; minute <= minutes; minute += 1) {
    const isAway = outages.some(({ from, to }) => from * 60 < minute && minute < to * 60)
    if (isAway) {
      seal()
      since = minute + 1
      continue
    }
    if (minute === since) [epoch, held, kept] = [BigInt(minute + 1), 0n, 0n]
    const timeMs = DAYS.from + minute * MINUTE_MS
    const spanMs = minute === since ? 0 : MINUTE_MS
    if (minute > since) held += BigInt(1000 * (1 + localHour(timeMs - MINUTE_MS)))
    samples.push({ stream: host, epoch, timeMs, register: held, spanMs })
    if (container.from * 60 <= minute && minute <= container.to * 60) {
      const isFirst = minute === since || minute === container.from * 60
      if (!isFirst) kept += 60n
      samples.push({ stream: inside, epoch, timeMs, register: kept, spanMs: isFirst ? 0 : MINUTE_MS })
    }
    if (timeMs % HOUR_MS === 0) seal()
  }
  seal()
  return { agent, streams: [host, inside], batches }
}

function localHour(ms: number): number {
  return Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO('Europe/Berlin').hour
}

/** The second of the two days. */
export const DAY: Period = { from: DAYS.from + 24 * HOUR_MS, to: DAYS.to }
/** From half past six to ten, by the clock of the day on which three follows one. */
export const MORNING: Outage = { from: 24 + 5.5, to: 24 + 9 }

/** A rule for what a host holds. */
export const memory = (estimate: JsonObject, more: JsonObject = {}): JsonObject => ({
  kind: 'usage',
  id: 'memory',
  select: { meters: ['host.memory.held'] },
  unit: 'MiB-second',
  per: 'resource',
  price: { model: 'per-unit', unitPrice: '0.0001' },
  estimate,
  ...more,
})
/** A rule for what containers hold. */
export const containers = (estimate: JsonObject) =>
  memory(estimate, { id: 'containers', select: { meters: ['container.memory.held'] } })

/** What hosts used in a day, under rules. */
export const measured = (sent: readonly Sent[], rules: Tariff['rules'], period = DAY): Promise<Snapshot> =>
  snapshotOf(
    sent.map(({ streams }) => streams[0]!.resource),
    period,
    createMemoryStore(sent),
    tariffOf(rules),
  )
/** What it comes to. */
export const charges = (snapshot: Snapshot, rules: Tariff['rules']) =>
  unwrap(rateSnapshot(tariffOf(rules), snapshot)).charges
