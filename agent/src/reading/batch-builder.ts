import type { Loss } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { concat } from '@vouch/proto/kernel/bytes.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'
import type { Reading } from './register.ts'

/** A reading and the stream it belongs to. */
export interface StreamReading extends Reading {
  /** 16 bytes. */
  readonly streamId: Uint8Array
}

interface Segment {
  readonly stream: number
  readonly epoch: number
  readonly rows: Reading[]
}

/** Arranges readings, given in the order of the looks, as the columns of a batch: one segment per stream and epoch. */
export function buildColumns(readings: readonly StreamReading[], losses: readonly Loss[]): Columns {
  const streams = new Map<string, { readonly index: number; readonly id: Uint8Array }>()
  const segments = new Map<string, Segment>()
  for (const reading of readings) {
    const hex = reading.streamId.toHex()
    const stream = streams.get(hex) ?? { index: streams.size, id: reading.streamId }
    streams.set(hex, stream)
    const key = `${hex} ${reading.epoch}`
    const segment = segments.get(key) ?? { stream: stream.index, epoch: reading.epoch, rows: [] }
    segments.set(key, segment)
    segment.rows.push(reading)
  }
  const ordered = [...segments.values()].toSorted((a, b) => a.stream - b.stream)
  const rows = ordered.flatMap((segment) => segment.rows)
  return {
    streamIds: concat([...streams.values()].map(({ id }) => id)),
    timeBaseMs: rows.reduce((earliest, { timeMs }) => Math.min(earliest, timeMs), rows[0]?.timeMs ?? 0),
    segmentStream: Uint32Array.from(ordered, (segment) => segment.stream),
    segmentEpoch: BigUint64Array.from(ordered, (segment) => BigInt(segment.epoch)),
    segmentRows: Uint32Array.from(ordered, (segment) => segment.rows.length),
    timeMs: BigUint64Array.from(rows, ({ timeMs }) => BigInt(timeMs)),
    register: BigUint64Array.from(rows, ({ register }) => register),
    spanMs: Uint32Array.from(rows, ({ spanMs }) => spanMs),
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

function nameOf({ streamId, epoch }: StreamReading): string {
  return `${streamId.toHex()} ${epoch}`
}
