import { registerAt } from './boundary.ts'
import type { Interval } from './interval.ts'

/** A register at a time. */
export interface Dial {
  readonly timeMs: number
  readonly register: bigint
}

/** Consecutive slots that one epoch covers from end to end. */
export interface SlotRun {
  /** Start of the first one, milliseconds since 1970. */
  readonly fromMs: number
  readonly quantities: readonly bigint[]
}

/** What slots of streams follow from. */
export interface SlotReadings {
  /**
   * By stream id and epoch, in ascending order of time: of each slot at least the first and the last reading, and the
   * ones around the stretch.
   */
  readonly epochs: ReadonlyMap<string, readonly (readonly Dial[])[]>
  /** Digests of the batches that hold all readings of the stretch, and those around it; ascending. */
  readonly batches: readonly Uint8Array[]
}

/** Where the whole slots of a stretch start. */
export function slotStarts({ from, to }: Interval, slotMs: number): number[] {
  const starts: number[] = []
  for (let start = from; start + slotMs <= to; start += slotMs) starts.push(start)
  return starts
}

/** The whole slots of a stretch that start in a period, as one stretch; empty where there are none. */
export function slotWindow(period: Interval, stretch: Interval, slotMs: number): Interval {
  const starts = slotMs === 0 ? [] : slotStarts(stretch, slotMs)
  const own = starts.filter((start) => period.from <= start && start < period.to)
  const [from = period.from] = own
  return { from, to: from + own.length * slotMs }
}

/**
 * What a register grew in each slot of a stretch of whole slots: slots are those between consecutive edges that readings of the epoch enclose. The register at
 * an edge is that of {@link registerAt}, so the quantities of a run add up to its ends.
 */
export function slotRun(readings: readonly Dial[], stretch: Interval, slotMs: number): SlotRun | undefined {
  const [first, last] = [readings[0], readings.at(-1)]
  if (first === undefined || last === undefined) return undefined
  const edges = [...slotStarts(stretch, slotMs), stretch.to]
  const enclosed = edges.filter((at) => first.timeMs <= at && at <= last.timeMs)
  const [fromMs] = enclosed
  if (fromMs === undefined || enclosed.length < 2) return undefined
  let next = 0
  const registers = enclosed.map((at) => {
    while (next < readings.length && readings[next]!.timeMs <= at) next += 1
    return registerAt(at, readings[next - 1]!, readings[next])
  })
  return { fromMs, quantities: registers.slice(1).map((register, i) => register - registers[i]!) }
}

/** The runs of all epochs, in order of time. */
export function slotRuns(epochs: readonly (readonly Dial[])[], stretch: Interval, slotMs: number): SlotRun[] {
  return epochs
    .map((readings) => slotRun(readings, stretch, slotMs))
    .filter((run) => run !== undefined)
    .toSorted((a, b) => a.fromMs - b.fromMs)
}
