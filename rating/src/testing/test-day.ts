import { create } from '@bufbuild/protobuf'
import { type Tariff, TariffSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { rateSnapshot } from '../rate/rate.ts'
import { type Sent, createMemoryStore } from './memory-store.ts'
import { type Sample, createTestAgent } from './test-agent.ts'
import { snapshotOf } from './test-proof.ts'

/** A minute. */
export const MINUTE_MS = 60_000
/** An hour. */
export const HOUR_MS = 60 * MINUTE_MS
/** The day in Berlin on which clocks go forward: 23 hours. */
export const DAY = { from: Date.UTC(2026, 2, 28, 23), to: Date.UTC(2026, 2, 29, 22) }

/** A port that receives a known number of octets in each minute of the day. */
export function port(
  name: string,
  octetsOf: (minute: number) => number,
  isMissing: (minute: number) => boolean = () => false,
): Sent {
  const agent = createTestAgent(name)
  const stream = agent.define(`switch:${name}/port:1`, 'host.network.received', 'B')
  const minutes = (DAY.to - DAY.from) / MINUTE_MS
  let register = 0n
  const samples: Sample[] = []
  for (let minute = 0; minute <= minutes; minute += 1) {
    if (minute > 0) register += BigInt(octetsOf(minute - 1))
    if (!isMissing(minute))
      samples.push({
        stream,
        epoch: 1n,
        timeMs: DAY.from + minute * MINUTE_MS,
        register,
        spanMs: minute === 0 ? 0 : MINUTE_MS,
      })
  }
  const batches = Array.from({ length: Math.ceil(samples.length / 60) }, (_, i) =>
    agent.seal(samples.slice(i * 60, i * 60 + 60)),
  )
  return { agent, streams: [stream], batches }
}

/** A tariff of these rules. */
export function tariffOf(
  rules: Tariff['rules'],
  more: Partial<Pick<Tariff, 'items' | 'roundingStage'>> = {},
): Tariff {
  return create(TariffSchema, {
    tariffId: 'day',
    version: 1,
    currency: 'EUR',
    amountRounding: 'half-up',
    rules,
    ...more,
  })
}

/** A rule for what the ports received, a euro for a megabyte. */
export const usage = (more: object) => ({
  kind: 'usage',
  id: 'traffic',
  select: { meters: ['host.network.received'] },
  unit: 'MB',
  price: { model: 'per-unit', unitPrice: '1' },
  ...more,
})

/** What the ports measured on the day, under a tariff. */
export async function measured(tariff: Tariff, sent: readonly Sent[]): Promise<Snapshot> {
  const resources = sent.map(({ streams }) => streams[0]!.resource.split('/')[0]!)
  return snapshotOf(resources, DAY, createMemoryStore(sent), tariff)
}

/** Id, kind, quantity and amount of each charge. */
export const linesOf = (tariff: Tariff, snapshot: Snapshot) =>
  unwrap(rateSnapshot(tariff, snapshot)).charges.map(({ lineId, kind, quantity, amount }) => [
    lineId,
    kind,
    quantity,
    amount,
  ])

/** A megabyte in every minute: 1,380 on this day. */
export const steady = port('a', () => 1_000_000)
