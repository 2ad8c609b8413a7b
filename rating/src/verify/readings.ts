import type { StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { Reading as ReadingMessage } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { equalBytes, toHex } from '@vouch/proto/kernel/bytes.ts'
import { streamId } from '@vouch/proto/seal/stream.ts'
import { type Columns, STREAM_ID_BYTES, decodeBody } from '@vouch/proto/wire/body.ts'
import type { Reading } from '../usage/boundary.ts'
import type { Sample } from '../usage/coverage.ts'
import type { CheckedBatch, CheckedBatches } from './batches.ts'
import { instantOf, mismatch, present, same, uniqueIndex } from './mismatch.ts'

/** The decoded body of a batch. */
export interface SignedReadings {
  readonly batch: CheckedBatch
  readonly columns: Columns
  /** Stream ids in hexadecimal, by their index in the batch. */
  readonly streamIds: readonly string[]
  /** First row of each segment. */
  readonly starts: readonly number[]
}

/** Signed readings by batch digest. */
export type Archive = ReadonlyMap<string, SignedReadings>

/** Decodes every batch that has a body. */
export function decodeBatches(batches: CheckedBatches): Archive {
  const archive = new Map<string, SignedReadings>()
  for (const [digest, batch] of batches) {
    if (batch.body.length === 0) continue
    const decoded = decodeBody(batch.body)
    if (!decoded.ok) mismatch(`${batch.path}.body`, decoded.fault.message)
    const { streamIds: bytes, segmentRows } = decoded.value
    const streamIds = Array.from({ length: bytes.length / STREAM_ID_BYTES }, (_, i) =>
      toHex(bytes.subarray(i * STREAM_ID_BYTES, (i + 1) * STREAM_ID_BYTES)),
    )
    let row = 0
    const starts = Array.from(segmentRows, (rows) => (row += rows) - rows)
    archive.set(digest, { batch, columns: decoded.value, streamIds, starts })
  }
  return archive
}

/** Checks that every definition is committed to by its id, and that its stream is in a batch of its agent. */
export function checkStreams(streams: readonly StreamDefinition[], archive: Archive): void {
  uniqueIndex('streams', streams, ({ streamId: id }) => toHex(id))
  const agents = new Map<string, Map<string, Uint8Array>>()
  for (const { batch, streamIds } of archive.values()) {
    for (const id of streamIds) {
      const owners = agents.get(id) ?? new Map<string, Uint8Array>()
      agents.set(id, owners.set(batch.agentId, batch.header.agentId))
    }
  }
  for (const [i, stream] of streams.entries()) {
    const owners = agents.get(toHex(stream.streamId))
    if (owners === undefined) mismatch(`streams[${i}].streamId`, 'is in no batch of the proof')
    if (![...owners.values()].some((agentId) => equalBytes(streamId(agentId, stream), stream.streamId))) {
      mismatch(`streams[${i}]`, 'is not what its id commits to: resource, meter, unit and kind of its agent')
    }
  }
}

/** A reading of the proof, checked field by field against the signed batch that it names. */
export function checkReading(
  path: string,
  message: ReadingMessage | undefined,
  stream: string,
  epoch: bigint,
  archive: Archive,
): Reading & Sample {
  const shown = present(path, message)
  const signed = archive.get(toHex(shown.batchDigest))
  if (signed === undefined)
    return mismatch(`${path}.batchDigest`, `the proof has no batch ${toHex(shown.batchDigest)}`)
  const { columns, streamIds, starts, batch } = signed
  const segment = starts.findLastIndex((start) => start <= shown.row)
  const time = columns.timeMs[shown.row]
  const register = columns.register[shown.row]
  if (segment < 0 || time === undefined || register === undefined) {
    return mismatch(`${path}.row`, `${batch.path} has no row ${shown.row}`)
  }
  const name = streamIds[columns.segmentStream[segment]!]
  if (name !== stream)
    mismatch(`${path}.row`, `row ${shown.row} of ${batch.path} is a reading of stream ${name}`)
  if (columns.segmentEpoch[segment] !== epoch) {
    mismatch(
      `${path}.row`,
      `row ${shown.row} of ${batch.path} is a reading of epoch ${columns.segmentEpoch[segment]}`,
    )
  }
  same(`${path}.timeMs`, shown.timeMs, time)
  same(`${path}.register`, shown.register, register)
  return {
    batchDigest: shown.batchDigest,
    row: shown.row,
    timeMs: instantOf(`${path}.timeMs`, time),
    spanMs: columns.spanMs[shown.row]!,
    register,
  }
}
