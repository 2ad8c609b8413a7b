import { ZERO, rational } from '@vouch/proto/kernel/rational.ts'
import type { UnitId } from '@vouch/proto/kernel/unit.ts'
import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { createReader } from '@vouch/rating/clickhouse/reader.ts'
import type { Reader } from '@vouch/rating/clickhouse/reader.ts'
import { createUsageStore } from '@vouch/rating/clickhouse/usage-store.ts'
import type { StreamSeries, UsageStore } from '@vouch/rating/rate/ports.ts'
import { parseTariff } from '@vouch/rating/rate/tariff.ts'
import type { PricedTariff } from '@vouch/rating/rate/tariff.ts'
import { evaluate } from '@vouch/rating/rule/evaluate.ts'
import type { Facts } from '@vouch/rating/rule/types.ts'
import { priceOf } from '@vouch/rating/tariff/model.ts'
import type { Model } from '@vouch/rating/tariff/model.ts'
import { TariffSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { GetSeriesRequestSchema, Grain } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { usageSeries } from '@vouch/rating/rate/series.ts'
import { create } from '@bufbuild/protobuf'
import { defineBench, integer } from '../bench.ts'
import type { Progress } from '../bench.ts'
import { middle } from '../result.ts'
import type { BenchResult } from '../result.ts'
import { METERS, RESOURCES, SINCE_MS, makeLattice } from './store.ts'
import type { LatticeStore } from './store.ts'

/** What to measure. */
export interface RatingOptions {
  readonly accounts: number
  readonly hours: number
  readonly rounds: number
  readonly questions: number
}

const HOUR_MS = 3_600_000
const YEAR_HOURS = 8760
/** What a line may take beside twice the engine's time. */
const LINE_US = 20

/** From the lattice to rated lines. */
export const ratingBench = defineBench(
  {
    accounts: {
      describe: 'accounts, of ten resources with ten meters each',
      parse: integer({ min: 1, max: 1000 }),
      fallback: 1000,
    },
    hours: {
      describe: 'hours of usage of each',
      parse: integer({ min: 1, max: 8760 }),
      fallback: 720,
    },
    rounds: {
      describe: 'rounds, in which both take turns; shown is the middle one',
      parse: integer({ min: 1, max: 99 }),
      fallback: 3,
    },
    questions: {
      describe: 'questions for a year of one account by month, in a store of as many streams',
      parse: integer({ min: 1, max: 1000 }),
      fallback: 40,
    },
  },
  {
    name: 'rating',
    help: `Usage of all streams from the hourly lattice, rated line by line under a tariff of graduated tiers, a line for each resource
and meter; beside the engine's bare GROUP BY over the same rows. Evidence is not fetched.
ratio = (twice the engine's time + 20 microseconds a line) ÷ ours: 1 is the target, more is better.`,
    run: async (values, progress) => ({ result: await benchRating(values, progress), failure: undefined }),
  },
)

/** Measures. Throws a FaultError. */
export async function benchRating(
  { accounts, hours, rounds, questions }: RatingOptions,
  progress: Progress,
): Promise<BenchResult> {
  progress(
    `${(accounts * RESOURCES * METERS.length * hours).toLocaleString('en')} hours of usage are made up`,
  )
  const lattice = await makeLattice({ accounts, hours })
  const reader = createReader(() => lattice.connect(), lattice.database, 2)
  try {
    const store = createUsageStore(reader)
    // The first question after the rows were made waits for the engine to tidy up.
    await groupAll(reader, hours)
    const all: Round[] = []
    for (let round = 1; round <= rounds; round += 1) {
      progress(`round ${round}`)
      const groupMs = await timed(async () => groupAll(reader, hours))
      all.push({ groupMs, rated: await rateAll(store, accounts, hours) })
    }
    const { groupMs, rated } = middle(all, ratioOf)
    progress('questions of one account over a year')
    const answers = await ask(lattice, store, questions)
    return {
      name: 'rating',
      ratio: ratioOf({ groupMs, rated }),
      figures: {
        streams: accounts * RESOURCES * METERS.length,
        rows: accounts * RESOURCES * METERS.length * hours,
        ...rated,
        tierChargesPerSecond: chargeByTiers(),
        ...answers,
      },
      reference: { wallMs: groupMs },
    }
  } finally {
    await reader.close()
    await lattice.close()
  }
}

interface Round {
  readonly groupMs: number
  readonly rated: Awaited<ReturnType<typeof rateAll>>
}

function ratioOf({ groupMs, rated }: Round): number {
  const allowedMs = 2 * groupMs + (LINE_US * rated.lines) / 1000
  return Math.round((1000 * allowedMs) / Math.max(1, rated.wallMs)) / 1000
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return Math.round(performance.now() - startedMs)
}

/** What is counted is asked for: groups alone the engine makes without reading a register. */
async function groupAll(reader: Reader, hours: number): Promise<void> {
  const sql =
    'SELECT count() AS n, sum(high - low) AS grown FROM (SELECT stream, epoch, min(first_register) AS low, max(last_register) AS high ' +
    `FROM {database:Identifier}.lattice WHERE hour >= toDateTime(${SINCE_MS / 1000}, 'UTC') ` +
    `AND hour < toDateTime(${SINCE_MS / 1000 + hours * 3600}, 'UTC') GROUP BY stream, epoch)`
  unwrap(await reader.rows({ sql, params: {} }))
}

async function rateAll(store: UsageStore, accounts: number, hours: number) {
  const tariff = graduatedTariff(hours)
  const startedMs = performance.now()
  const resources = Array.from({ length: accounts * RESOURCES }, (_, index) => `host:${index}`)
  const streams = unwrap(await store.streams(resources, []))
  const series = unwrap(await store.series(streams, [SINCE_MS, SINCE_MS + hours * HOUR_MS]))
  const readMs = performance.now() - startedMs
  const byAccount = Map.groupBy(series, ({ stream }) => accountOf(stream.resource))
  let lines = 0
  for (const own of byAccount.values())
    lines += unwrap(evaluate(tariff.terms, tariff.rules, factsOf(own, tariff))).lines.length
  const wallMs = performance.now() - startedMs
  return {
    lines,
    wallMs: Math.round(wallMs),
    readMs: Math.round(readMs),
    chargesPerSecond: Math.round((lines * 1000) / (wallMs - readMs)),
  }
}

/** The tiers of `graduatedTariff`. */
const TIERS: Model = {
  model: 'graduated',
  tiers: [
    { upTo: rational(10n), unitPrice: rational(1n, 10n), flat: ZERO, percent: ZERO },
    { upTo: rational(1000n), unitPrice: rational(1n, 20n), flat: rational(1n), percent: ZERO },
    { upTo: undefined, unitPrice: rational(1n, 100n), flat: ZERO, percent: ZERO },
  ],
  edge: 'inclusive',
  zero: 'charged',
}
const TIER_CHARGES = 1_000_000
/** Thousandths: a sixth of the quantities ends in the second tier, the others in the third. */
const QUANTITY_STEP = 7919
const QUANTITY_MAX = 6_000_000

/** Charges a second by tiers alone, on one core: exact amounts before rounding, of quantities of thousandths, each with its trace. */
function chargeByTiers(): number {
  const quantities = Array.from({ length: 10_000 }, (_, index) =>
    rational(BigInt((index * QUANTITY_STEP) % QUANTITY_MAX), 1000n),
  )
  const startedMs = performance.now()
  let total = ZERO
  for (let charge = 0; charge < TIER_CHARGES; charge += 1) {
    const { amount } = priceOf(TIERS, { quantity: quantities[charge % quantities.length]!, items: [] })
    // So that none is left out as unused.
    if (amount.n > total.n) total = amount
  }
  if (total.n === 0n) throwFault('INTERNAL', 'tiers charge nothing')
  return Math.round((TIER_CHARGES * 1000) / (performance.now() - startedMs))
}

function accountOf(resource: string): number {
  return Math.floor(Number(resource.split(':')[1]) / RESOURCES)
}

function graduatedTariff(hours: number): PricedTariff {
  const tiers = [
    { upTo: '10', unitPrice: '0.10' },
    { upTo: '1000', unitPrice: '0.05', flat: '1' },
    { unitPrice: '0.01' },
  ]
  const rules = METERS.map(([meter, , unit]) => ({
    id: meter,
    kind: 'usage',
    per: 'resource',
    select: { meters: [meter] },
    unit,
    rounding: { mode: 'half-up', scale: 6 },
    price: { model: 'graduated', tiers },
  }))
  const tariff = create(TariffSchema, {
    tariffId: 'bench',
    version: 1,
    currency: 'EUR',
    amountRounding: 'half-up',
    rules,
  })
  const period = { from: SINCE_MS, to: SINCE_MS + hours * HOUR_MS }
  return unwrap(parseTariff(tariff, { period, inForce: period, zone: 'Europe/Berlin' }))
}

function factsOf(series: readonly StreamSeries[], { terms }: PricedTariff): Facts {
  return {
    usage: series.map(({ stream, steps }, index) => ({
      index,
      meter: stream.meter,
      resource: stream.resource,
      dimensions: {},
      unit: stream.unit as UnitId,
      period: terms.period,
      quantity: rational(steps[0]!.quantity),
      chosenBy: undefined,
      items: [],
    })),
    changes: [],
    series: [],
    billed: [],
    earlier: [],
    availability: [],
    used: new Map(),
  }
}

/** A year of one account by month, asked again and again: its quantities alone, and the whole answer of GetSeries, with what is covered. */
async function ask(lattice: LatticeStore, store: UsageStore, questions: number) {
  await lattice.prolong(RESOURCES * METERS.length, YEAR_HOURS)
  const resources = Array.from({ length: RESOURCES }, (_, index) => `host:${index}`)
  const edges = Array.from({ length: 13 }, (_, month) => Date.UTC(2026, month, 1))
  const period = { fromMs: BigInt(edges[0]!), toMs: BigInt(edges.at(-1)!) }
  const request = create(GetSeriesRequestSchema, {
    period,
    timeZone: 'UTC',
    grain: Grain.MONTH,
    assignments: resources.map((resource) => ({ resource, period })),
  })
  const quantities = await quantiles(questions, async () => {
    const streams = unwrap(await store.streams(resources, []))
    return unwrap(await store.series(streams, edges))
  })
  const series = await quantiles(questions, async () => unwrap(await usageSeries(request, store)))
  return {
    yearOfAccountP50Ms: quantities.p50,
    yearOfAccountP95Ms: quantities.p95,
    getSeriesP50Ms: series.p50,
    getSeriesP95Ms: series.p95,
  }
}

async function quantiles(times: number, work: () => Promise<unknown>): Promise<{ p50: number; p95: number }> {
  const taken: number[] = []
  for (let time = 0; time < times; time += 1) taken.push(await timed(work))
  const sorted = taken.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1]!
  return { p50: at(0.5), p95: at(0.95) }
}
