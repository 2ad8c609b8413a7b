import type { Loss } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { concat } from '@vouch/proto/kernel/bytes.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'
import type { Reading } from './register.ts'

/** A reading and the stream it belongs to. */
export interface StreamReading extends Reading {
  /** Number of the stream. */
  readonly stream: number
}

interface Segment {
  /** Place of the stream's id in the batch. */
  readonly place: number
  readonly epoch: number
  readonly rows: Reading[]
}

/**
 * Arranges readings, given in the order of the looks, as the columns of a batch: one segment per stream and epoch.
 * `idOf` gives the id of a stream.
 */
export function buildColumns(
  readings: readonly StreamReading[],
  losses: readonly Loss[],
  idOf: (stream: number) => Uint8Array,
): Columns {
  const streams = Map.groupBy(readings, ({ stream }) => stream)
  const segments = [...streams.values()].flatMap((own, place) => segmentsOf(own, place))
  const timeMs = new BigUint64Array(readings.length)
  const register = new BigUint64Array(readings.length)
  const spanMs = new Uint32Array(readings.length)
  let row = 0
  for (const { rows } of segments)
    for (const reading of rows) {
      timeMs[row] = BigInt(reading.timeMs)
      register[row] = reading.register
      spanMs[row++] = reading.spanMs
    }
  return {
    streamIds: concat([...streams.keys()].map(idOf)),
    timeBaseMs: readings.reduce(
      (earliest, reading) => Math.min(earliest, reading.timeMs),
      readings[0]?.timeMs ?? 0,
    ),
    segmentStream: Uint32Array.from(segments, ({ place }) => place),
    segmentEpoch: BigUint64Array.from(segments, ({ epoch }) => BigInt(epoch)),
    segmentRows: Uint32Array.from(segments, ({ rows }) => rows.length),
    timeMs,
    register,
    spanMs,
    losses,
  }
}

/** The readings of a stream, epoch by epoch; mostly there is one. */
function segmentsOf(readings: readonly StreamReading[], place: number): Segment[] {
  return [...Map.groupBy(readings, ({ epoch }) => epoch)].map(([epoch, rows]) => ({ place, epoch, rows }))
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
