import { registerAt, throwFall } from './boundary.ts'
import type { Interval } from './interval.ts'

/** Registers of one epoch at times, in ascending order of time. Millions of them: arrays of numbers, no objects. */
export interface Dials {
  /** Milliseconds since 1970. */
  readonly timesMs: Float64Array
  readonly registers: BigUint64Array
}

/** The same from readings in ascending order of time. */
export function dialsOf(readings: readonly { readonly timeMs: number; readonly register: bigint }[]): Dials {
  return {
    timesMs: Float64Array.from(readings, ({ timeMs }) => timeMs),
    registers: BigUint64Array.from(readings, ({ register }) => register),
  }
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
  readonly epochs: ReadonlyMap<string, readonly Dials[]>
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
 * an edge is that of {@link registerAt}, so the quantities of a run add up to its ends. Fault, thrown: USAGE_CONFLICT where the register falls.
 */
export function slotRun(dials: Dials, stretch: Interval, slotMs: number): SlotRun | undefined {
  const { timesMs, registers } = dials
  const [first, last] = [timesMs[0], timesMs.at(-1)]
  if (first === undefined || last === undefined) return undefined
  const edges = [...slotStarts(stretch, slotMs), stretch.to].filter((at) => first <= at && at <= last)
  const [fromMs] = edges
  if (fromMs === undefined || edges.length < 2) return undefined
  const dial = (index: number) => ({ timeMs: timesMs[index]!, register: registers[index]! })
  const quantities: bigint[] = []
  let next = 0
  let earlier: bigint | undefined
  for (const at of edges) {
    while (timesMs[next]! <= at) next += 1
    const before = next - 1
    const register =
      timesMs[before] === at
        ? registers[before]!
        : registerAt(at, dial(before), next < timesMs.length ? dial(next) : undefined)
    if (earlier !== undefined) {
      if (register < earlier) throwFall({ timeMs: at - slotMs, register: earlier }, { timeMs: at, register })
      quantities.push(register - earlier)
    }
    earlier = register
  }
  return { fromMs, quantities }
}

/** The runs of all epochs, in order of time. */
export function slotRuns(epochs: readonly Dials[], stretch: Interval, slotMs: number): SlotRun[] {
  return epochs
    .map((dials) => slotRun(dials, stretch, slotMs))
    .filter((run) => run !== undefined)
    .toSorted((a, b) => a.fromMs - b.fromMs)
}
