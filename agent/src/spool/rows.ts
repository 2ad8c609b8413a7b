import { writeFileSync } from 'node:fs'
import { create, toBinary } from '@bufbuild/protobuf'
import { LossReason, LossSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { equalBytes } from '@vouch/proto/kernel/bytes.ts'
import { sha256 } from '@vouch/proto/seal/seal.ts'
import type { Database, Row } from './sqlite.ts'

type Value = Uint8Array | string | number | bigint

const HEX = Buffer.from('0123456789abcdef')
/** Room for a length with what stands around it. */
const LENGTH_OCTETS = 24
const ROOM_OCTETS = 262_144
/** Where the text of a row is put together: as strings, those of whole batches would outlive many collections. */
const room = Buffer.alloc(ROOM_OCTETS)

/**
 * The checksum of a row's values, in the order of its columns: each is its text, or its octets in hexadecimal, after the
 * length of that. SQLite keeps none: a bit that flips in a value reads as another value.
 */
export function rowSum(...values: readonly Value[]): Uint8Array {
  const parts = values.map((value) => (value instanceof Uint8Array ? value : String(value)))
  const octets = parts.reduce((sum, { length }) => sum + 3 * length + LENGTH_OCTETS, 0)
  const text = octets > ROOM_OCTETS ? Buffer.alloc(octets) : room
  let at = 0
  for (const [index, part] of parts.entries()) {
    const isText = typeof part === 'string'
    at += text.write(`${index === 0 ? '' : ','}${isText ? part.length : 2 * part.length}:`, at)
    at = isText ? at + text.write(part, at) : putHex(text, part, at)
  }
  return sha256(text.subarray(0, at))
}

function putHex(to: Uint8Array, octets: Uint8Array, from: number): number {
  let at = from
  for (const octet of octets) {
    to[at++] = HEX[octet >> 4]!
    to[at++] = HEX[octet & 0xf]!
  }
  return at
}

/** The checksum of a page of registers. There are many: its octets are not turned into text. */
export function pageSum(number: number, bytes: Uint8Array): Uint8Array {
  return sha256(Buffer.from(`${number}:`), bytes)
}

/** The checksum of a batch's row, whose numbers are read as text: `run`, `sequence`, `sealed`, `digest`, `signed`. */
export function batchSum(row: Row): Uint8Array {
  return rowSum(
    row.bytes('run'),
    row.text('sequence'),
    row.text('sealed'),
    row.bytes('digest'),
    row.bytes('signed'),
  )
}

/**
 * Takes out what is not what was written: a batch is kept beside the spool and declared lost; the registers of a page open
 * new epochs; definitions are made again. Rows of a version without checksums are taken as they are.
 */
export function takeOutDamaged(db: Database, path: string, nowMs: number): void {
  takeOutBatches(db, path, nowMs)
  const isWhole = (sum: Uint8Array, own: Uint8Array): boolean => sum.length === 0 || equalBytes(sum, own)
  for (const row of db.all("SELECT rowid AS id, loss, coalesce(sum, x'') AS sum FROM losses")) {
    if (isWhole(row.bytes('sum'), rowSum(row.bytes('loss')))) continue
    db.run('DELETE FROM losses WHERE rowid = ?', row.integer('id'))
    addLoss(db, 0, nowMs)
  }
  for (const row of db.all('SELECT page, content, sum FROM registers'))
    if (!equalBytes(row.bytes('sum'), pageSum(row.integer('page'), row.bytes('content'))))
      db.run('DELETE FROM registers WHERE page = ?', row.integer('page'))
  for (const row of db.all("SELECT id, stream, definition, coalesce(sum, x'') AS sum FROM streams")) {
    if (!isWhole(row.bytes('sum'), rowSum(row.bytes('stream'), row.bytes('definition'))))
      db.run('DELETE FROM streams WHERE id = ?', row.integer('id'))
  }
  for (const row of db.all("SELECT rowid AS id, key, value, coalesce(sum, x'') AS sum FROM meta")) {
    if (isWhole(row.bytes('sum'), rowSum(row.text('key'), row.bytes('value')))) continue
    db.run('DELETE FROM meta WHERE rowid = ?', row.integer('id'))
    // Whatever it was, the next batch may not know what it follows: an admission excuses that.
    addLoss(db, nowMs - 1, nowMs)
  }
}

/** A damaged row's own time cannot be believed: the loss reaches from the batch before it to the one after. */
function takeOutBatches(db: Database, path: string, nowMs: number): void {
  let sinceMs: number | undefined
  let open: number | undefined
  for (const id of db.all('SELECT id FROM batches ORDER BY id').map((row) => row.integer('id'))) {
    const [row] = db.all(
      `SELECT run, CAST(sequence AS TEXT) AS sequence, CAST(sealed_ms AS TEXT) AS sealed, digest, signed,
        coalesce(sum, x'') AS sum FROM batches WHERE id = ?`,
      id,
    )
    if (row === undefined) continue
    const [signed, sum] = [row.bytes('signed'), row.bytes('sum')]
    const sealed = row.text('sealed')
    if (sum.length === 0 || equalBytes(sum, batchSum(row))) {
      sinceMs = Number.parseInt(sealed, 10)
      if (open !== undefined) addLoss(db, open, sinceMs)
      open = undefined
      continue
    }
    writeFileSync(`${path}.unreadable-${nowMs}-${id}`, signed, { mode: 0o600 })
    db.run('DELETE FROM batches WHERE id = ?', id)
    open ??= sinceMs ?? 0
  }
  if (open !== undefined) addLoss(db, open, nowMs)
}

/** Puts an admission on record, to be sent with the next batch; times are epoch milliseconds. */
export function addLoss(db: Database, fromMs: number, toMs: number): void {
  const loss = { fromMs: BigInt(fromMs), toMs: BigInt(toMs), reason: LossReason.SPOOL_CORRUPT }
  const bytes = toBinary(LossSchema, create(LossSchema, loss))
  db.run('INSERT INTO losses (loss, sum) VALUES (?, ?)', bytes, rowSum(bytes))
}
