import type { Loss } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'
import { STREAM_ID_BYTES } from '@vouch/proto/wire/columns.ts'
import type { ReadingBuffer, StreamReading } from './reading-buffer.ts'

/**
 * Arranges readings as the columns of a batch: one segment per stream and epoch. `putId` writes the id of a stream to a
 * place.
 */
export function buildColumns(
  readings: ReadingBuffer,
  losses: readonly Loss[],
  putId: (stream: number, to: Uint8Array, at: number) => void,
): Columns {
  const rows = readings.byStream()
  const streams: number[] = []
  const segmentStream = new Uint32Array(rows.length)
  const segmentEpoch = new BigUint64Array(rows.length)
  const segmentRows = new Uint32Array(rows.length)
  let [segments, lastEpoch] = [0, Number.NaN]
  const timeMs = new BigUint64Array(rows.length)
  const register = new BigUint64Array(rows.length)
  const spanMs = new Uint32Array(rows.length)
  let timeBaseMs = rows.length === 0 ? 0 : Number.POSITIVE_INFINITY
  for (let index = 0; index < rows.length; index += 1) {
    const row = rows[index]!
    const stream = readings.stream(row)
    const epoch = readings.epoch(row)
    const isSameStream = streams.at(-1) === stream
    if (!isSameStream) streams.push(stream)
    // An epoch that was left is not entered again.
    if (!isSameStream || lastEpoch !== epoch) {
      segmentStream[segments] = streams.length - 1
      segmentEpoch[segments] = BigInt(epoch)
      segments += 1
    }
    segmentRows[segments - 1]! += 1
    lastEpoch = epoch
    timeBaseMs = Math.min(timeBaseMs, readings.timeMs(row))
    timeMs[index] = BigInt(readings.timeMs(row))
    register[index] = readings.register(row)
    spanMs[index] = readings.spanMs(row)
  }
  const streamIds = new Uint8Array(STREAM_ID_BYTES * streams.length)
  for (const [place, stream] of streams.entries()) putId(stream, streamIds, STREAM_ID_BYTES * place)
  return {
    streamIds,
    timeBaseMs,
    segmentStream: segmentStream.subarray(0, segments),
    segmentEpoch: segmentEpoch.subarray(0, segments),
    segmentRows: segmentRows.subarray(0, segments),
    timeMs,
    register,
    spanMs,
    losses,
  }
}

/** What is left of readings that could not be kept, and what was dropped. */
export interface Thinned {
  readonly kept: readonly StreamReading[]
  readonly dropped: readonly StreamReading[]
}

/**
 * Gives up resolution in time, never quantity: keeps the first and the last reading of every stream
 * and epoch, the last one without the span that led to it where readings between are dropped. Of more than `readingsMax` ends the earliest go too.
 */
export function thin(readings: readonly StreamReading[], readingsMax = Number.POSITIVE_INFINITY): Thinned {
  const first = new Map<string, StreamReading>()
  const last = new Map<string, StreamReading>()
  for (const reading of readings) {
    const key = nameOf(reading)
    if (first.has(key)) last.set(key, reading)
    else first.set(key, reading)
  }
  const ends = new Set([...first.values(), ...last.values()])
  const kept = readings.filter((reading) => ends.has(reading)).slice(-readingsMax)
  const stays = new Set(kept)
  const dropped = readings.filter((reading) => !stays.has(reading))
  // A last reading that directly follows the first has lost nothing of its span.
  const between = new Set(readings.filter((reading) => !ends.has(reading)).map(nameOf))
  const lasts = new Set([...last.values()].filter((reading) => between.has(nameOf(reading))))
  return { kept: kept.map((reading) => (lasts.has(reading) ? { ...reading, spanMs: 0 } : reading)), dropped }
}

function nameOf({ stream, epoch }: StreamReading): string {
  return `${stream} ${epoch}`
}
