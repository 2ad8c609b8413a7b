import { create } from '@bufbuild/protobuf'
import { TariffSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { equals, formatFraction, multiply, rational } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { createReader, textOf } from '@vouch/rating/clickhouse/reader.ts'
import type { Reader } from '@vouch/rating/clickhouse/reader.ts'
import { createUsageStore } from '@vouch/rating/clickhouse/usage-store.ts'
import { parseTariff } from '@vouch/rating/rate/tariff.ts'
import { evaluate } from '@vouch/rating/rule/evaluate.ts'
import type { Series } from '@vouch/rating/rule/types.ts'
import type { Interval } from '@vouch/rating/usage/interval.ts'
import { slotRuns } from '@vouch/rating/usage/slots.ts'
import type { SlotReadings } from '@vouch/rating/usage/slots.ts'
import type { Stream, StreamRecord } from '@vouch/rating/usage/stream-usage.ts'
import { defineBench, integer } from '../bench.ts'
import type { Progress } from '../bench.ts'
import { middle } from '../result.ts'
import type { BenchResult } from '../result.ts'
import { METER, SINCE_MS, SLOT_MS, makePorts } from './store.ts'

/** What to measure. */
export interface PercentileOptions {
  readonly ports: number
  readonly slots: number
  readonly rounds: number
}

/** Bits a second of an octet a slot. */
const PER_SLOT = rational(8000n, BigInt(SLOT_MS))

/** From readings of ports to one line of a percentile. */
export const percentileBench = defineBench(
  {
    ports: { describe: 'ports of the line', parse: integer({ min: 1, max: 10_000 }), fallback: 1000 },
    slots: { describe: 'slots of five minutes', parse: integer({ min: 2, max: 8928 }), fallback: 8928 },
    rounds: {
      describe: 'rounds, in which both take turns; shown is the middle one',
      parse: integer({ min: 1, max: 99 }),
      fallback: 3,
    },
  },
  {
    name: 'percentile',
    help: `A line for the 95th percentile of the sum of all ports, from their readings, one at each end of a slot; beside the engine's own
quantileExact over the differences of the same registers, and both again where the slots are there already.
ratio = twice the engine's time ÷ ours: 1 is the target, more is better.`,
    run: async (values, progress) => ({
      result: await benchPercentile(values, progress),
      failure: undefined,
    }),
  },
)

/** Measures. Throws a FaultError, and an error where both sides find another value. */
export async function benchPercentile(
  { ports, slots, rounds }: PercentileOptions,
  progress: Progress,
): Promise<BenchResult> {
  progress(`${(ports * slots).toLocaleString('en')} slots are made up`)
  const store = await makePorts(ports, slots)
  const reader = createReader(() => store.connect(), store.database, 2)
  try {
    unwrap(await reader.run({ sql: keptSlots(slots), params: {} }))
    const all: Round[] = []
    for (let round = 1; round <= rounds; round += 1) {
      progress(`round ${round}`)
      all.push(await measure(reader, slots))
    }
    const { ours, reference } = middle(all, ratioOf)
    return {
      name: 'percentile',
      ratio: ratioOf({ ours, reference }),
      figures: { ports, slots, ...ours },
      reference: { ...reference },
    }
  } finally {
    await reader.close()
    await store.close()
  }
}

interface Round {
  readonly ours: {
    readonly wallMs: number
    readonly readMs: number
    readonly slotsMs: number
    readonly rankMs: number
  }
  readonly reference: { readonly wallMs: number; readonly rankMs: number }
}

function ratioOf({ ours, reference }: Round): number {
  return Math.round((2000 * reference.wallMs) / Math.max(1, ours.wallMs)) / 1000
}

async function measure(reader: Reader, slots: number): Promise<Round> {
  const [engine, engineMs] = await timed(() => quantileOf(reader, slotsOfEngine(slots)))
  const [ready, rankMs] = await timed(() => quantileOf(reader, '{database:Identifier}.slots'))
  const store = createUsageStore(reader)
  const stretch = { from: SINCE_MS, to: SINCE_MS + slots * SLOT_MS }
  const streams = unwrap(await store.streams(['switch:bench'], []))
  const records = streams.map((stream) => recordOf(stream, stretch.to))
  const [found, readMs] = await timed(async () => unwrap(await store.slots(records, stretch, SLOT_MS)))
  const [series, slotsMs] = await timed(async () => seriesOf(streams, found, stretch))
  const [value, ownRankMs] = await timed(async () => lineOf(series, stretch))
  // Where the share is a whole number of slots the engine takes the value after ours.
  const isSame = equals(value, multiply(rational(BigInt(engine)), PER_SLOT)) || slots % 20 === 0
  if (!isSame || ready !== engine)
    throw new Error(`ours is ${formatFraction(value)}, the engine's ${engine} and ${ready}`)
  return {
    ours: { wallMs: readMs + slotsMs + ownRankMs, readMs, slotsMs, rankMs: ownRankMs },
    reference: { wallMs: engineMs, rankMs },
  }
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const startedMs = performance.now()
  const result = await work()
  return [result, Math.round(performance.now() - startedMs)]
}

/** Octets of each port and slot, by the engine alone. */
function slotsOfEngine(slots: number): string {
  const between = (ms: number): string => `fromUnixTimestamp64Milli(${ms}, 'UTC')`
  return (
    '(SELECT slot, high - lagInFrame(high, 1, high) OVER (PARTITION BY stream ORDER BY slot ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS octets FROM (' +
    `SELECT stream, intDiv(toUnixTimestamp64Milli(time) - ${SINCE_MS}, ${SLOT_MS}) AS slot, max(register) AS high ` +
    `FROM {database:Identifier}.readings_v1 WHERE time >= ${between(SINCE_MS)} AND time <= ${between(SINCE_MS + slots * SLOT_MS)} GROUP BY stream, slot))`
  )
}

function keptSlots(slots: number): string {
  return `CREATE TABLE {database:Identifier}.slots ENGINE = MergeTree ORDER BY slot AS SELECT * FROM ${slotsOfEngine(slots)}`
}

/** The engine's 95th percentile of what all ports sum to. */
async function quantileOf(reader: Reader, slots: string): Promise<string> {
  const sql =
    'SELECT toString(quantileExact(0.95)(total))  AS value FROM (' +
    `SELECT slot, sum(octets) AS total FROM ${slots} WHERE slot > 0 GROUP BY slot)`
  return textOf(unwrap(await reader.rows({ sql, params: {} }))[0]!, 'value')
}

/** What of a port's record its slots follow from: its first and its last reading. */
function recordOf(stream: Stream, lastMs: number): StreamRecord {
  const reading = (timeMs: number) => ({ batchDigest: new Uint8Array(32), row: 0, timeMs, register: 0n })
  const epoch = { epoch: 1n, firstMs: SINCE_MS, lastMs, cuts: [], holes: [] }
  const ends = { opening: { before: reading(SINCE_MS) }, closing: { before: reading(lastMs) } }
  return { stream, lastMs, epochs: [{ ...epoch, ...ends }] }
}

/** Octets of slots in steps of what is bits a second, as snapshots are read. */
function seriesOf(streams: readonly Stream[], { epochs }: SlotReadings, stretch: Interval): Series[] {
  return streams.map(({ streamId, resource, meter }, index) => {
    const runs = slotRuns(epochs.get(streamId) ?? [], stretch, SLOT_MS)
    const values = runs.flatMap(({ quantities }) => quantities)
    return { index, resource, meter, dimensions: {}, unit: 'bit/s', direction: 'in', values, step: PER_SLOT }
  })
}

/** What is billed of the ports, in bits a second. */
function lineOf(series: readonly Series[], period: Interval): Rational {
  const tariff = create(TariffSchema, {
    tariffId: 'bench',
    version: 1,
    currency: 'EUR',
    amountRounding: 'half-up',
    rules: [
      {
        id: 'ports',
        kind: 'percentile',
        percent: '95',
        directions: 'in',
        missingSlots: 'refused',
        select: { meters: [METER] },
        unit: 'bit/s',
        price: { model: 'per-unit', unitPrice: '0.001' },
      },
    ],
  })
  const { terms, rules } = unwrap(parseTariff(tariff, { period, inForce: period, zone: 'UTC' }))
  const none = {
    usage: [],
    changes: [],
    billed: [],
    earlier: [],
    availability: [],
    used: new Map<string, never>(),
  }
  return unwrap(evaluate(terms, rules, { ...none, series })).lines[0]!.quantity!
}
