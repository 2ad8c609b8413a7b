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

/** Instants at which slots of a stretch meet: its start, and every slot length after it, within it. */
function edges({ from, to }: Interval, slotMs: number): number[] {
  return Array.from({ length: Math.floor((to - from) / slotMs) + 1 }, (_, i) => from + i * slotMs)
}

/**
 * What a register grew in each slot of a stretch: slots are those between consecutive edges that readings of the epoch enclose. The register at
 * an edge is that of {@link registerAt}, so the quantities of a run add up to its ends.
 */
export function slotRun(readings: readonly Dial[], stretch: Interval, slotMs: number): SlotRun | undefined {
  const [first, last] = [readings[0], readings.at(-1)]
  if (first === undefined || last === undefined) return undefined
  const enclosed = edges(stretch, slotMs).filter((at) => first.timeMs <= at && at <= last.timeMs)
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
