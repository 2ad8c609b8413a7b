import { sha256 } from '@vouch/proto/seal/seal.ts'
import type { AdmittedBatch, KeyRow, StreamRow } from '../ports.ts'
import {
  dictionary,
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
import { ColumnMemory } from './column-memory.ts'
import { segmentColumns } from './segment-columns.ts'
import type { SignedReadings } from './segment-columns.ts'
import { instantAt, wordsOf } from './words.ts'

const INSTANT = "DateTime64(3, 'UTC')"

/** Who stored a batch, and with which of its commits. A writer is a name of 16 random bytes, until it ends or fails. */
export interface Mark {
  readonly writer: Uint8Array
  /** From 1. */
  readonly commit: bigint
}

/** Bytes for one table, in chunks; empty = nothing to insert. */
export interface TableBlock {
  readonly table: string
  /** The columns in the chunks; those that the table has beside them take their defaults. */
  readonly columns: readonly Pick<NativeColumn, 'name' | 'type'>[]
  readonly chunks: readonly Uint8Array[]
}

/** The batches whose readings are taken. */
export function takenOf(batches: readonly AdmittedBatch[]): SignedReadings[] {
  return decodedOf(batches.filter(({ fault }) => fault === undefined))
}

/** The batches whose body could be decoded. */
export function decodedOf(batches: readonly AdmittedBatch[]): SignedReadings[] {
  return batches.filter((batch): batch is AdmittedBatch & SignedReadings => batch.columns !== undefined)
}

/**
 * Readings: a row a segment, with its readings in arrays. Rows are sorted by stream, as the table is.
 *
 * @param memory holds the rows: they are good until it is used again.
 */
export function segmentsBlock(
  batches: readonly SignedReadings[],
  memory: ColumnMemory = new ColumnMemory(),
): TableBlock {
  const of = segmentColumns(
    batches.filter(({ columns }) => columns.timeMs.length > 0),
    memory,
  )
  const arrays = (name: string, type: string, values: ArrayBufferView): NativeColumn => ({
    name,
    type: `Array(${type})`,
    parts: [...numbers(name, type, of.ends).parts, ...numbers(name, type, values).parts],
  })
  return block('segments', of.segments, [
    numbers('stream', 'FixedString(16)', of.stream),
    numbers('epoch', 'UInt64', of.epoch),
    numbers('first_time', INSTANT, of.firstTime),
    numbers('last_time', INSTANT, of.lastTime),
    numbers('run', 'FixedString(16)', of.run),
    numbers('sequence', 'UInt64', of.sequence),
    numbers('first_row', 'UInt32', of.firstRow),
    dictionary('class', of.names, of.classes),
    arrays('times', INSTANT, of.times),
    arrays('registers', 'UInt64', of.registers),
    arrays('spans', 'UInt32', of.spans),
  ])
}

/** The signed archive of every batch of the chain, taken or quarantined. */
export function batchesBlock(all: readonly AdmittedBatch[], { writer, commit }: Mark): TableBlock {
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
    strings('receipt', batches, ({ receipt }) => receipt ?? ''),
    fixedStrings('writer', 16, batches, () => writer),
    words('commit_number', batches, () => commit),
  ])
}

/** First and last time of the readings taken, epoch milliseconds; where there are none, the time of sealing or arrival. */
export function timesOf(batch: AdmittedBatch): readonly [number, number] {
  const { columns, fault, wallMs, receivedMs } = batch
  // Readings that were not taken may lie in any year, and the archive is partitioned by month.
  if (fault !== undefined || columns === undefined) return [receivedMs, receivedMs]
  if (columns.timeMs.length === 0) {
    const sealedMs = Math.max(0, Math.min(wallMs, receivedMs))
    return [sealedMs, sealedMs]
  }
  const times = wordsOf(columns.timeMs)
  let first = Number.POSITIVE_INFINITY
  let last = 0
  let at = 0
  for (const rows of columns.segmentRows) {
    first = Math.min(first, instantAt(times, at))
    at += rows
    last = Math.max(last, instantAt(times, at - 1))
  }
  return [first, last]
}

/** Losses that agents admit. */
export function lossesBlock(batches: readonly SignedReadings[]): TableBlock {
  const losses = batches.flatMap((batch) => batch.columns.losses.map((loss) => ({ ...loss, batch })))
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

/** Rows of one table. */
export function block(table: string, rows: number, columns: readonly NativeColumn[]): TableBlock {
  return { table, columns, chunks: rows === 0 ? [] : nativeBlock(rows, columns) }
}
