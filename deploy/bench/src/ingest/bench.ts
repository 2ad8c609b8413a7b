import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineBench, integer } from '../bench.ts'
import type { Progress } from '../bench.ts'
import { engineDirectory } from '../collector-process.ts'
import { needLinux } from '../process-cost.ts'
import { middle, ratioOf, sideOf } from '../result.ts'
import type { BenchResult, Side } from '../result.ts'
import { measureOurs } from './ours.ts'
import { REFERENCE_ROWS, measureReference } from './reference.ts'
import { SERIES_PER_SEND_MAX } from './remote-write.ts'
import { BATCH, BATCH_READINGS, shapeOf } from './shape.ts'
import { hasVictoriaMetrics, measureVictoriaMetrics } from './victoria-metrics.ts'

/** What to measure. */
export interface IngestOptions {
  readonly readings: number
  /** Ours, the raw engine and VictoriaMetrics take turns so many times. */
  readonly rounds: number
  /** How long receipts are timed at half load, milliseconds. */
  readonly halfLoadMs?: number
}

const READINGS = 2_400_000
const READINGS_MAX = 100_000_000

/** The collector from socket to receipt, beside the raw engine and VictoriaMetrics. */
export const ingestBench = defineBench(
  {
    readings: {
      describe: 'readings measured, rounded up to whole batches',
      parse: integer({ min: 1, max: READINGS_MAX }),
      fallback: READINGS,
    },
    rounds: {
      describe: 'times that ours and the references take turns; the middle ratio counts',
      parse: integer({ min: 1, max: 99 }),
      fallback: 3,
    },
  },
  {
    name: 'ingest',
    help: `Signed readings through the real collector program, from socket to receipt, beside the raw engine
inserting the same rows from ready files into the same tables. ratio = readings per CPU-second of the
collector's process ÷ readings per CPU-second of the raw engine's: 1 would mean that gRPC, TLS, signatures,
checks and receipts cost nothing. Then the time to a receipt at half of the rate. Where victoria-metrics is
installed, as many samples through its remote write: victoriaMetricsRatio is ours to it, likewise, where one
Prometheus sends for all hosts, and victoriaMetricsPerHostRatio where one on every host sends for itself.`,
    run: async (values, progress) => ({ result: await benchIngest(values, progress), failure: undefined }),
  },
)

interface Round {
  readonly ours: Side
  readonly reference: Side
  /** Of one Prometheus for all hosts, and of one on every host; none where it is not installed. */
  readonly victoriaMetrics: { readonly central: Side; readonly perHost: Side } | undefined
  readonly halfLoad: Record<string, number>
}

/** Measures everything in turns. Throws a FaultError. */
export async function benchIngest(options: IngestOptions, progress: Progress): Promise<BenchResult> {
  needLinux()
  const shape = shapeOf(options.readings)
  if (!(await hasVictoriaMetrics()))
    progress('not compared with VictoriaMetrics: victoria-metrics is not installed')
  const rounds: Round[] = []
  for (let round = 1; round <= options.rounds; round++) {
    if (options.rounds > 1) progress(`round ${round} of ${options.rounds}`)
    rounds.push(await oneRound(options, progress))
  }
  const shown = middle(rounds, ({ ours, reference }) => ratioOf(ours, reference))
  const compared = rounds.filter(({ victoriaMetrics }) => victoriaMetrics !== undefined)
  const ratios = rounds.map(({ ours, reference }) => ratioOf(ours, reference))
  return {
    name: 'ingest',
    ratio: ratioOf(shown.ours, shown.reference),
    figures: {
      ...shown.ours,
      ...shown.halfLoad,
      ...(compared.length === 0 ? {} : victoriaFigures(compared)),
      agents: shape.agents,
      batchReadings: BATCH_READINGS,
      rounds: options.rounds,
      ratioMin: Math.min(...ratios),
      ratioMax: Math.max(...ratios),
    },
    reference: { ...shown.reference, insertReadings: Math.min(shown.ours.readings, REFERENCE_ROWS) },
  }
}

async function oneRound({ readings: asked, halfLoadMs }: IngestOptions, progress: Progress): Promise<Round> {
  const shape = shapeOf(asked)
  const directory = await mkdtemp(join(tmpdir(), 'vouch-bench-'))
  try {
    const home = join(directory, 'ours')
    const { cost, halfLoad, halfLoadBatchesPerSecond, agents } = await measureOurs(
      home,
      shape,
      progress,
      halfLoadMs,
    )
    progress('the raw engine inserts the same rows')
    const scratch = join(directory, 'reference')
    await mkdir(scratch)
    const all = shape.warmBatches + shape.batches
    const raw = await measureReference(engineDirectory(home), scratch, agents, shape.warmBatches, all)
    const readings = shape.agents * shape.batches * BATCH_READINGS
    return {
      ours: sideOf(readings, cost),
      reference: sideOf(readings, raw),
      victoriaMetrics: await victoriaMetricsSides(directory, asked, progress),
      halfLoad: {
        halfLoadReadingsPerSecond: Math.round(halfLoadBatchesPerSecond * BATCH_READINGS),
        halfLoadBatches: halfLoad.batches,
        halfLoadReceiptP50Ms: halfLoad.latency.quantileMs(0.5),
        halfLoadReceiptP99Ms: halfLoad.latency.quantileMs(0.99),
        halfLoadReceiptMaxMs: halfLoad.latency.maxMs,
      },
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function victoriaMetricsSides(
  directory: string,
  asked: number,
  progress: Progress,
): Promise<Round['victoriaMetrics']> {
  if (!(await hasVictoriaMetrics())) return undefined
  const shape = shapeOf(asked)
  const side = async (name: string, seriesMax: number): Promise<Side> => {
    const cost = await measureVictoriaMetrics(join(directory, name), shape, seriesMax)
    return sideOf(shape.agents * shape.batches * BATCH_READINGS, cost)
  }
  progress('VictoriaMetrics takes in as many samples from one Prometheus')
  const central = await side('central', SERIES_PER_SEND_MAX)
  progress('VictoriaMetrics takes in as many samples from one Prometheus on every host')
  return { central, perHost: await side('per-host', BATCH.streams) }
}

function victoriaFigures(rounds: readonly Round[]): Record<string, number> {
  const figures = (name: string, pick: (both: NonNullable<Round['victoriaMetrics']>) => Side) => {
    const ratio = ({ ours, victoriaMetrics }: Round): number =>
      victoriaMetrics === undefined ? 0 : ratioOf(ours, pick(victoriaMetrics))
    const shown = middle(rounds, ratio)
    const side = shown.victoriaMetrics === undefined ? undefined : pick(shown.victoriaMetrics)
    return {
      [`${name}Ratio`]: ratio(shown),
      [`${name}CpuMs`]: side?.cpuMs ?? 0,
      [`${name}ReadingsPerSecond`]: side?.readingsPerSecond ?? 0,
      [`${name}ReadingsPerCpuSecond`]: side?.readingsPerCpuSecond ?? 0,
      [`${name}PeakBytes`]: side?.peakBytes ?? 0,
    }
  }
  return {
    ...figures('victoriaMetrics', ({ central }) => central),
    ...figures('victoriaMetricsPerHost', ({ perHost }) => perHost),
  }
}
