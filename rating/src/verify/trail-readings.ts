import type { Trail } from '@vouch/proto/gen/vouch/audit/v1/audit_pb.ts'
import { compareBytes, toHex } from '@vouch/proto/kernel/bytes.ts'
import type { Interval } from '../usage/interval.ts'
import { instantOf, mismatch, same } from './mismatch.ts'
import type { Archive, SignedReadings } from './readings.ts'

type TrailReading = Trail['readings'][number]

/**
 * Checks that every listed reading stands in the signed body at its row, and that the bodies hold no
 * reading of these streams in the period that is not listed; each batch and stream holds a listed one.
 */
export function checkTrailReadings({ readings, streams }: Trail, period: Interval, archive: Archive): void {
  if (readings.length === 0) mismatch('readings', 'is empty')
  const places = new Map([...archive.values()].map((signed) => [placeOf(signed), signed]))
  const defined = new Set(streams.map(({ streamId }) => toHex(streamId)))
  const listed = new Set<string>()
  const [usedBatches, usedStreams] = [new Set<string>(), new Set<string>()]
  for (const [i, reading] of readings.entries()) {
    const path = `readings[${i}]`
    const place = `${toHex(reading.agentId)} ${toHex(reading.runId)} ${reading.sequence}`
    const signed = places.get(place)
    if (signed === undefined)
      return mismatch(`${path}.sequence`, `the trail has no batch ${reading.sequence} of this run and agent`)
    if (!defined.has(toHex(reading.streamId))) mismatch(`${path}.streamId`, 'is not among the streams')
    checkRow(path, reading, signed)
    const time = instantOf(`${path}.timeMs`, reading.timeMs)
    if (time < period.from || time >= period.to) mismatch(`${path}.timeMs`, 'is not in the period')
    if (i > 0 && !ascends(readings[i - 1]!, reading))
      mismatch(path, 'does not follow the one before it: by stream, epoch, time, register, each once')
    listed.add(keyOf(toHex(reading.streamId), reading.epoch, reading.timeMs, reading.register))
    usedBatches.add(place)
    usedStreams.add(toHex(reading.streamId))
  }
  for (const signed of archive.values()) {
    checkNoneLeftOut(signed, defined, period, listed)
    if (!usedBatches.has(placeOf(signed))) mismatch(signed.batch.path, 'holds no listed reading')
  }
  const idle = streams.findIndex(({ streamId }) => !usedStreams.has(toHex(streamId)))
  if (idle >= 0) mismatch(`streams[${idle}]`, 'has no listed reading')
}

const placeOf = ({ batch: { agentId, header } }: SignedReadings): string =>
  `${agentId} ${toHex(header.runId)} ${header.sequence}`

const keyOf = (stream: string, epoch: bigint, time: bigint, register: bigint): string =>
  `${stream} ${epoch} ${time} ${register}`

function checkRow(
  path: string,
  reading: TrailReading,
  { columns, starts, streamIds, batch }: SignedReadings,
): void {
  const { row } = reading
  const time = columns.timeMs[row]
  if (time === undefined) return mismatch(`${path}.row`, `${batch.path} has no row ${row}`)
  const segment = starts.findLastIndex((start) => start <= row)
  const stream = streamIds[columns.segmentStream[segment]!]!
  if (stream !== toHex(reading.streamId))
    mismatch(`${path}.row`, `row ${row} of ${batch.path} is a reading of stream ${stream}`)
  same(`${path}.epoch`, reading.epoch, columns.segmentEpoch[segment]!)
  same(`${path}.timeMs`, reading.timeMs, time)
  same(`${path}.register`, reading.register, columns.register[row]!)
  same(`${path}.spanMs`, reading.spanMs, columns.spanMs[row]!)
}

function ascends(a: TrailReading, b: TrailReading): boolean {
  const stream = compareBytes(a.streamId, b.streamId)
  if (stream !== 0) return stream < 0
  if (a.epoch !== b.epoch) return a.epoch < b.epoch
  return a.timeMs === b.timeMs ? a.register < b.register : a.timeMs < b.timeMs
}

function checkNoneLeftOut(
  { columns, starts, streamIds, batch }: SignedReadings,
  defined: ReadonlySet<string>,
  period: Interval,
  listed: ReadonlySet<string>,
): void {
  for (const [segment, start] of starts.entries()) {
    const stream = streamIds[columns.segmentStream[segment]!]!
    if (!defined.has(stream)) continue
    const epoch = columns.segmentEpoch[segment]!
    for (let row = start; row < start + columns.segmentRows[segment]!; row += 1) {
      const time = columns.timeMs[row]!
      if (time < BigInt(period.from) || time >= BigInt(period.to)) continue
      if (!listed.has(keyOf(stream, epoch, time, columns.register[row]!)))
        mismatch('readings', `row ${row} of ${batch.path}, a reading at ${time}, is left out`)
    }
  }
}
