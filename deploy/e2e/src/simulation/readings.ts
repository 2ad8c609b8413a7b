import type { Hex } from '@vouch/collector/ports.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'

/** One reading of a batch. */
export interface Reading {
  readonly stream: Hex
  readonly epoch: bigint
  /** Epoch milliseconds. */
  readonly timeMs: number
  readonly register: bigint
  readonly spanMs: number
}

/** The readings of a batch one by one, the slow way; none where its body cannot be read. */
export function readingsOf(columns: Columns | undefined): Reading[] {
  if (columns === undefined) return []
  const { segmentEpoch, segmentRows, segmentStream, streamIds, timeMs, register, spanMs } = columns
  const readings: Reading[] = []
  segmentRows.forEach((rows, segment) => {
    const at = segmentStream[segment]! * 16
    const stream = streamIds.slice(at, at + 16).toHex()
    for (let row = 0; row < rows; row++) {
      const index = readings.length
      readings.push({
        stream,
        epoch: segmentEpoch[segment]!,
        timeMs: Number(timeMs[index]!),
        register: register[index]!,
        spanMs: spanMs[index]!,
      })
    }
  })
  return readings
}

/** Usage by the definition: in every epoch of a stream the last register less the first, by stream. */
export function usageOf(readings: Iterable<Reading>): Map<Hex, bigint> {
  const usage = new Map<Hex, bigint>()
  for (const own of Map.groupBy(readings, ({ stream, epoch }) => `${stream} ${epoch}`).values()) {
    const ordered = own.toSorted((a, b) => a.timeMs - b.timeMs)
    const quantity = ordered.at(-1)!.register - ordered[0]!.register
    usage.set(own[0]!.stream, (usage.get(own[0]!.stream) ?? 0n) + quantity)
  }
  return usage
}
