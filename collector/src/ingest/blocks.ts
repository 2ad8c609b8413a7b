import { sha256 } from '@vouch/proto/seal/seal.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'
import type { AdmittedBatch, KeyRow, StreamRow } from '../ports.ts'
import {
  fixedStrings,
  instants,
  maps,
  nativeBlock,
  numbers,
  octets,
  strings,
  uuids,
  words,
} from './native.ts'
import type { NativeColumn } from './native.ts'

/** Bytes for one table, in chunks; empty = nothing to insert. */
export interface TableBlock {
  readonly table: string
  /** Names of the columns in the chunks; the others of the table take their defaults. */
  readonly columns: readonly string[]
  readonly chunks: readonly Uint8Array[]
}

/** Words of 32 bits in a stream's or run's id. */
const ID_WORDS = 4

type Readings = AdmittedBatch & { readonly columns: Columns }

/** Columns of the readings of all batches that were taken, straight from their typed arrays. */
export function readingsBlock(batches: readonly AdmittedBatch[]): TableBlock {
  const taken = batches.filter(
    (batch): batch is Readings => batch.fault === undefined && batch.columns !== undefined,
  )
  const rows = taken.reduce((sum, { columns }) => sum + columns.timeMs.length, 0)
  if (rows === 0) return block('readings', 0, [])
  const stream = new Uint32Array(rows * ID_WORDS)
  const epoch = new Uint32Array(rows * 2)
  const run = new Uint32Array(rows * ID_WORDS)
  const sequence = new Uint32Array(rows * 2)
  const row = new Uint32Array(rows)
  let at = 0
  for (const { columns, runId, sequence: number } of taken) {
    const count = columns.timeMs.length
    repeat(run, wordsOf(runId), at, count)
    repeat(sequence, wordsOf(BigUint64Array.of(number)), at, count)
    for (let index = 0; index < count; index++) row[at + index] = index
    const ids = wordsOf(columns.streamIds)
    const epochs = wordsOf(columns.segmentEpoch)
    columns.segmentRows.forEach((length, segment) => {
      const id = columns.segmentStream[segment]! * ID_WORDS
      repeat(stream, ids.subarray(id, id + ID_WORDS), at, length)
      repeat(epoch, epochs.subarray(segment * 2, segment * 2 + 2), at, length)
      at += length
    })
  }
  const joined = (name: string, type: string, pick: (columns: Columns) => ArrayBufferView) => ({
    name,
    type,
    parts: taken.flatMap(({ columns }) => numbers(name, type, pick(columns)).parts),
  })
  return block('readings', rows, [
    numbers('stream', 'FixedString(16)', stream),
    numbers('epoch', 'UInt64', epoch),
    joined('time', "DateTime64(3, 'UTC')", ({ timeMs }) => timeMs),
    joined('register', 'UInt64', ({ register }) => register),
    joined('span_ms', 'UInt32', ({ spanMs }) => spanMs),
    numbers('run', 'FixedString(16)', run),
    numbers('sequence', 'UInt64', sequence),
    numbers('row', 'UInt32', row),
  ])
}

/** Writes a value of some words `count` times from row `at`. Segments are short: a loop beats a copy. */
function repeat(out: Uint32Array, value: Uint32Array, at: number, count: number): void {
  const width = value.length
  for (let index = 0; index < width; index++) {
    const word = value[index]!
    const end = (at + count) * width
    for (let position = at * width + index; position < end; position += width) out[position] = word
  }
}

/** The same bytes as words of 32 bits; copied where they do not lie on a word's boundary. */
function wordsOf(values: Uint8Array | BigUint64Array): Uint32Array {
  const { buffer, byteOffset, byteLength } = values
  if (byteOffset % 4 === 0) return new Uint32Array(buffer, byteOffset, byteLength / 4)
  return new Uint32Array(Uint8Array.from(new Uint8Array(buffer, byteOffset, byteLength)).buffer)
}

/** The signed archive of every batch of the chain, taken or quarantined. */
export function batchesBlock(all: readonly AdmittedBatch[]): TableBlock {
  const batches = all.filter(({ chained }) => chained)
  const spans = batches.map((batch) => timesOf(batch))
  const offsets = BigInt64Array.from(batches, ({ receivedMs, wallMs }) => BigInt(receivedMs - wallMs))
  const rows = Uint32Array.from(batches, ({ columns }) => columns?.timeMs.length ?? 0)
  return block('batches', batches.length, [
    fixedStrings('agent', 16, batches, ({ agentId }) => agentId),
    fixedStrings('run', 16, batches, ({ runId }) => runId),
    words('sequence', batches, ({ sequence }) => sequence),
    fixedStrings('digest', 32, batches, ({ digest }) => digest),
    fixedStrings('previous', 32, batches, ({ previous }) => previous),
    fixedStrings('key_id', 16, batches, ({ keyId }) => keyId),
    strings('header', batches, ({ header }) => header),
    strings('body', batches, ({ body }) => body),
    fixedStrings('signature', 64, batches, ({ signature }) => signature),
    instants('first_time', spans, ([first]) => first),
    instants('last_time', spans, ([, last]) => last),
    numbers('rows', 'UInt32', rows),
    instants('received', batches, ({ receivedMs }) => receivedMs),
    numbers('clock_offset_ms', 'Int64', offsets),
    octets('final', batches, ({ final }) => (final ? 1 : 0)),
  ])
}

/** First and last time of the readings taken; where there are none, the time of sealing or arrival. */
function timesOf(batch: AdmittedBatch): readonly [number, number] {
  const { columns, fault, wallMs, receivedMs } = batch
  // Readings that were not taken may lie in any year, and the archive is partitioned by month.
  if (fault !== undefined || columns === undefined) return [receivedMs, receivedMs]
  if (columns.timeMs.length === 0) {
    const sealedMs = Math.max(0, Math.min(wallMs, receivedMs))
    return [sealedMs, sealedMs]
  }
  let first = columns.timeMs[0]!
  let last = first
  let at = 0
  for (const rows of columns.segmentRows) {
    if (columns.timeMs[at]! < first) first = columns.timeMs[at]!
    at += rows
    if (columns.timeMs[at - 1]! > last) last = columns.timeMs[at - 1]!
  }
  return [Number(first), Number(last)]
}

/** Losses that agents admit. */
export function lossesBlock(batches: readonly AdmittedBatch[]): TableBlock {
  const losses = batches
    .filter(({ chained }) => chained)
    .flatMap((batch) => (batch.columns?.losses ?? []).map((loss) => ({ ...loss, batch })))
  return block('losses', losses.length, [
    fixedStrings('agent', 16, losses, ({ batch }) => batch.agentId),
    fixedStrings('run', 16, losses, ({ batch }) => batch.runId),
    words('sequence', losses, ({ batch }) => batch.sequence),
    instants('from', losses, ({ fromMs }) => fromMs),
    instants('to', losses, ({ toMs }) => toMs),
    words('readings', losses, ({ readings }) => readings),
    octets('reason', losses, ({ reason }) => reason),
  ])
}

/** Batches whose readings were not taken. */
export function quarantineBlock(all: readonly AdmittedBatch[]): TableBlock {
  const batches = all.flatMap((batch) =>
    batch.fault === undefined ? [] : [{ ...batch, fault: batch.fault }],
  )
  return block('quarantine', batches.length, [
    uuids('id', batches, ({ digest, fault }) => quarantineId(digest, fault.code)),
    fixedStrings('agent', 16, batches, ({ agentId }) => agentId),
    fixedStrings('run', 16, batches, ({ runId }) => runId),
    words('sequence', batches, ({ sequence }) => sequence),
    strings('code', batches, ({ fault }) => fault.code),
    strings('message', batches, ({ fault }) => fault.message),
    strings('header', batches, ({ header }) => header),
    strings('body', batches, ({ body }) => body),
    fixedStrings('signature', 64, batches, ({ signature }) => signature),
    fixedStrings('key_id', 16, batches, ({ keyId }) => keyId),
    strings('peer', batches, ({ peer }) => peer),
    instants('received', batches, ({ receivedMs }) => receivedMs),
  ])
}

/** A version 8 UUID (RFC 9562 §5.8) that follows from what is quarantined and why. */
export function quarantineId(digest: Uint8Array, code: string): Uint8Array {
  const id = sha256(digest, new TextEncoder().encode(code)).slice(0, 16)
  id[6] = (id[6]! & 0x0f) | 0x80
  id[8] = (id[8]! & 0x3f) | 0x80
  return id
}

/** Streams as declared. */
export function streamsBlock(streams: readonly StreamRow[]): TableBlock {
  return block('streams', streams.length, [
    fixedStrings('stream', 16, streams, ({ streamId }) => streamId),
    fixedStrings('agent', 16, streams, ({ agentId }) => agentId),
    strings('resource', streams, ({ resource }) => resource),
    strings('meter', streams, ({ meter }) => meter),
    strings('unit', streams, ({ unit }) => unit),
    octets('kind', streams, ({ kind }) => kind),
    maps('attributes', streams, ({ attributes }) => attributes),
    instants('declared', streams, ({ declaredMs }) => declaredMs),
  ])
}

/** Public keys. */
export function keysBlock(keys: readonly KeyRow[]): TableBlock {
  return block('agent_keys', keys.length, [
    fixedStrings('agent', 16, keys, ({ agentId }) => agentId),
    fixedStrings('key_id', 16, keys, ({ keyId }) => keyId),
    fixedStrings('public_key', 32, keys, ({ publicKey }) => publicKey),
    instants('registered', keys, ({ registeredMs }) => registeredMs),
  ])
}

function block(table: string, rows: number, columns: readonly NativeColumn[]): TableBlock {
  const names = columns.map(({ name }) => name)
  return { table, columns: names, chunks: rows === 0 ? [] : nativeBlock(rows, columns) }
}
