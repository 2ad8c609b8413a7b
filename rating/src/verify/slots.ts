import type { Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import type { Interval } from '../usage/interval.ts'
import { type Dials, dialsOf, slotRuns, slotWindow } from '../usage/slots.ts'
import { mismatch, present, same } from './mismatch.ts'
import type { Archive } from './readings.ts'
import { periodOf } from './usage.ts'

/** Checks that the batches of all slots are in the proof, and that every slot follows from the readings in them. */
export function checkSlots(path: string, snapshot: Snapshot, stretch: Interval, archive: Archive): void {
  for (const [i, digest] of snapshot.slotBatches.entries())
    if (!archive.has(toHex(digest)))
      mismatch(`${path}.slotBatches[${i}]`, `the proof has no batch ${toHex(digest)}`)
  const ranked = snapshot.measurements.some(({ slotMs }) => slotMs > 0)
  if (!ranked) {
    same(`${path}.slotBatches`, snapshot.slotBatches.length, 0)
    return
  }
  const readings = readingsOf(archive)
  for (const [i, measurement] of snapshot.measurements.entries()) {
    const { slotMs } = measurement
    const period = periodOf(`${path}.measurements[${i}].period`, measurement.period)
    const window = slotWindow(period, stretch, slotMs)
    for (const [j, { streamId, slots }] of measurement.streams.entries()) {
      const own = `${path}.measurements[${i}].streams[${j}].slots`
      const epochs = readings.get(toHex(streamId)) ?? []
      const runs = slotMs === 0 ? [] : slotRuns(epochs, window, slotMs)
      same(own, slots.length, runs.length)
      for (const [k, run] of runs.entries()) {
        const shown = present(`${own}[${k}]`, slots[k])
        same(`${own}[${k}].fromMs`, shown.fromMs, BigInt(run.fromMs))
        same(`${own}[${k}].quantities`, shown.quantities.length, run.quantities.length)
        for (const [slot, quantity] of run.quantities.entries())
          same(`${own}[${k}].quantities[${slot}]`, shown.quantities[slot]!, quantity)
      }
    }
  }
}

interface Dial {
  readonly timeMs: number
  readonly register: bigint
}

/** All signed readings by stream, of each epoch in order of time. */
function readingsOf(archive: Archive): ReadonlyMap<string, readonly Dials[]> {
  const found = new Map<string, Map<bigint, Dial[]>>()
  for (const { columns, streamIds, starts } of archive.values()) {
    for (const [segment, start] of starts.entries()) {
      const stream = streamIds[columns.segmentStream[segment]!]!
      const epoch = columns.segmentEpoch[segment]!
      const epochs = found.get(stream) ?? new Map<bigint, Dial[]>()
      const dials = epochs.get(epoch) ?? []
      const end = start + columns.segmentRows[segment]!
      for (let row = start; row < end; row += 1) {
        const timeMs = columns.timeMs[row]!
        dials.push({ timeMs: Number(timeMs), register: columns.register[row]! })
      }
      found.set(stream, epochs.set(epoch, dials))
    }
  }
  for (const [stream, epochs] of found) {
    for (const [epoch, dials] of epochs) {
      dials.sort((a, b) => a.timeMs - b.timeMs || (a.register < b.register ? -1 : 1))
      if (dials.some(({ register }, i) => register < (dials[i - 1]?.register ?? register)))
        mismatch(
          'batches',
          `the register of epoch ${epoch} of stream ${stream} decreases from batch to batch`,
        )
    }
  }
  return new Map([...found].map(([stream, epochs]) => [stream, [...epochs.values()].map(dialsOf)]))
}
