import { sha256 } from '@vouch/proto/seal/seal.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'
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
import { instantAt, wordsOf } from './words.ts'

/** Words of 32 bits in a stream's or run's id. */
const ID_WORDS = 4
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

/** What a signed body says, and where it stands. */
export type SignedReadings = Pick<AdmittedBatch, 'agentId' | 'runId' | 'sequence' | 'classes'> & {
  readonly columns: Columns
}

/** The batches whose readings are taken. */
export function takenOf(batches: readonly AdmittedBatch[]): SignedReadings[] {
  return decodedOf(batches.filter(({ fault }) => fault === undefined))
}

/** The batches whose body could be decoded. */
export function decodedOf(batches: readonly AdmittedBatch[]): SignedReadings[] {
  return batches.filter((batch): batch is AdmittedBatch & SignedReadings => batch.columns !== undefined)
}

/** Readings: a row a segment, with its readings in arrays as they were decoded. */
export function segmentsBlock(batches: readonly SignedReadings[]): TableBlock {
  const taken = batches.filter(({ columns }) => columns.timeMs.length > 0)
  const segments = taken.reduce((sum, { columns }) => sum + columns.segmentRows.length, 0)
  const of = segmentColumns(taken, segments)
  const arrays = (name: string, type: string, pick: (columns: Columns) => ArrayBufferView): NativeColumn => ({
    name,
    type: `Array(${type})`,
    parts: [
      ...numbers(name, type, of.ends).parts,
      ...taken.flatMap(({ columns }) => numbers(name, type, pick(columns)).parts),
    ],
  })
  return block('segments', segments, [
    numbers('stream', 'FixedString(16)', of.stream),
    numbers('epoch', 'UInt64', of.epoch),
    numbers('first_time', INSTANT, of.firstTime),
    numbers('last_time', INSTANT, of.lastTime),
    numbers('run', 'FixedString(16)', of.run),
    numbers('sequence', 'UInt64', of.sequence),
    numbers('first_row', 'UInt32', of.firstRow),
    dictionary('class', of.classes.names, of.classes.keys),
    arrays('times', INSTANT, ({ timeMs }) => timeMs),
    arrays('registers', 'UInt64', ({ register }) => register),
    arrays('spans', 'UInt32', ({ spanMs }) => spanMs),
  ])
}

/** What is said once a segment. */
function segmentColumns(taken: readonly SignedReadings[], segments: number) {
  const stream = new Uint32Array(segments * ID_WORDS)
  const run = new Uint32Array(segments * ID_WORDS)
  const epoch = new BigUint64Array(segments)
  const [firstTime, lastTime] = [new BigUint64Array(segments), new BigUint64Array(segments)]
  const sequence = new BigUint64Array(segments)
  const firstRow = new Uint32Array(segments)
  /** Per segment: readings up to its end, as arrays are delimited. */
  const ends = new Uint32Array(segments * 2)
  const classes = new Map<string, number>()
  const keys = new Uint32Array(segments)
  let at = 0
  let end = 0
  for (const { columns, classes: classOf, runId, sequence: number } of taken) {
    const { segmentRows, segmentStream, timeMs } = columns
    const ids = wordsOf(columns.streamIds)
    const runWords = wordsOf(runId)
    epoch.set(columns.segmentEpoch, at)
    sequence.fill(number, at, at + segmentRows.length)
    const known = indicesIn(classes, classOf)
    let row = 0
    for (let segment = 0; segment < segmentRows.length; segment++, at++) {
      const own = segmentStream[segment]!
      for (let word = 0; word < ID_WORDS; word++) {
        stream[at * ID_WORDS + word] = ids[own * ID_WORDS + word]!
        run[at * ID_WORDS + word] = runWords[word]!
      }
      keys[at] = known[own]!
      firstRow[at] = row
      firstTime[at] = timeMs[row]!
      row += segmentRows[segment]!
      lastTime[at] = timeMs[row - 1]!
      ends[at * 2] = end + row
    }
    end += row
  }
  const names = [...classes.keys()]
  return { stream, epoch, firstTime, lastTime, run, sequence, firstRow, ends, classes: { names, keys } }
}

/** Index of each name; streams of one class mostly stand together. */
function indicesIn(names: Map<string, number>, wanted: readonly string[]): Uint32Array {
  const indices = new Uint32Array(wanted.length)
  for (let at = 0; at < wanted.length; at++)
    indices[at] = at > 0 && wanted[at] === wanted[at - 1] ? indices[at - 1]! : indexIn(names, wanted[at]!)
  return indices
}

function indexIn(names: Map<string, number>, name: string): number {
  const known = names.get(name)
  if (known !== undefined) return known
  names.set(name, names.size)
  return names.size - 1
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
