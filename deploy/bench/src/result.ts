import type { Cost } from './process-cost.ts'

/** What one side of a bench did. */
export interface Side extends Readonly<Record<string, number>> {
  readonly readings: number
  readonly wallMs: number
  readonly cpuMs: number
  readonly readingsPerSecond: number
  readonly readingsPerCpuSecond: number
  /** Largest resident size of the process since its start, bytes. */
  readonly peakBytes: number
}

/** The result of a bench; the last line of its output. */
export interface BenchResult {
  readonly name: string
  /** Ours to the reference; above 1 = ours is cheaper. */
  readonly ratio: number
  readonly figures: Readonly<Record<string, number>>
  readonly reference: Readonly<Record<string, number>>
}

/** Rates of a side. */
export function sideOf(readings: number, { wallMs, cpuMs, peakBytes }: Cost): Side {
  return {
    readings,
    wallMs: Math.round(wallMs),
    cpuMs,
    readingsPerSecond: perSecond(readings, wallMs),
    readingsPerCpuSecond: perSecond(readings, cpuMs),
    peakBytes,
  }
}

const COLUMNS = 38

function perSecond(readings: number, ms: number): number {
  return ms === 0 ? 0 : Math.round((readings * 1000) / ms)
}

/** Readings per CPU-second of ours to those of the reference, three decimals. */
export function ratioOf(ours: Side, reference: Side): number {
  if (reference.readingsPerCpuSecond === 0) return 0
  return Math.round((1000 * ours.readingsPerCpuSecond) / reference.readingsPerCpuSecond) / 1000
}

/** The item whose measure is the median of all, the lower one of two. */
export function middle<T>(items: readonly T[], measureOf: (item: T) => number): T {
  const sorted = items.toSorted((a, b) => measureOf(a) - measureOf(b))
  const item = sorted[Math.floor((sorted.length - 1) / 2)]
  if (item === undefined) throw new Error('there is no middle of nothing')
  return item
}

/** The result as people read it. */
export function resultTable({ name, ratio, figures, reference }: BenchResult): string {
  const names = [...new Set([...Object.keys(figures), ...Object.keys(reference)])]
  const show = (value: number | undefined): string => (value ?? '').toLocaleString('en').padStart(16)
  const rows = names.map((key) => `  ${key.padEnd(COLUMNS)}${show(figures[key])}${show(reference[key])}\n`)
  const head = `  ${''.padEnd(COLUMNS)}${'ours'.padStart(16)}${'reference'.padStart(16)}\n`
  return `${name}: ratio ${ratio}\n${head}${rows.join('')}`
}
