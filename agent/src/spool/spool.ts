import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  LossSchema,
  SignedBatchSchema,
  StreamDefinitionSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { Loss, SignedBatch, StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { StreamDeclaration } from '../reading/meter-book.ts'
import type { RegisterPage } from '../reading/register-file.ts'
import { openDatabase } from './database.ts'
import { forgetOld, putPage, readPages } from './register-pages.ts'
import { rowSum } from './rows.ts'
import type { Database } from './sqlite.ts'

/** A batch that waits for its receipt. */
export interface SpooledBatch {
  /** 16 bytes. */
  readonly runId: Uint8Array
  readonly sequence: bigint
  /** 32 bytes. */
  readonly digest: Uint8Array
  readonly signed: SignedBatch
}

/** What becomes durable together: a batch, the registers that it leaves off at, and the streams it names first. */
export interface Sealed extends SpooledBatch {
  readonly sealedMs: number
  /** Pages of registers that changed. */
  readonly registers: readonly RegisterPage[]
  readonly declared: readonly StreamDeclaration[]
  /** Streams that this batch ends: their definitions are forgotten with its receipt. */
  readonly ended: readonly Uint8Array[]
  /** Small facts to keep with it; undefined forgets one. */
  readonly facts: ReadonlyMap<string, string | undefined>
  /** The batch of an orderly stop is taken even where the spool is at its bound. */
  readonly final: boolean
}

/** A definition and its place in the order in which definitions were kept. */
export interface SpooledDefinition {
  readonly order: number
  readonly definition: StreamDefinition
}

/** The bounds of a spool. */
export interface SpoolLimits {
  /** Octets of batches kept at most. */
  readonly bytesMax: number
  /** Age of the oldest batch beyond which no further ones are taken, milliseconds. */
  readonly ageMaxMs: number
}

/** Batches on disk until the collector vouches for them, and the registers they left off at. */
export interface Spool {
  /** What was lost with a spool that could not be read; to be sent with the next batch. */
  readonly losses: readonly Loss[]
  /** Every page of registers as last kept. */
  registerPages(): RegisterPage[]
  /** Digest of the last batch ever kept; empty before the first. */
  lastDigest(): Uint8Array
  /** Keeps a batch, durably. Faults: SPOOL_FULL, DISK_FULL; nothing is kept then. */
  append(sealed: Sealed): Result<void>
  /** The run whose batches have to go first; undefined when the spool is empty. */
  oldestRun(): Uint8Array | undefined
  /** Batches of a run after a sequence, in order. */
  batches(runId: Uint8Array, after: bigint, limit: number): SpooledBatch[]
  digest(runId: Uint8Array, sequence: bigint): Uint8Array | undefined
  /** Deletes the batches of a run up to a sequence, their receipt being verified. Fault: DISK_FULL; all are kept then. */
  release(runId: Uint8Array, sequence: bigint): Result<void>
  /** Definitions kept after a place in their order, at most `limit`. */
  definitions(after: number, limit: number): SpooledDefinition[]
  /** Small facts that outlive the process. */
  meta(key: string): Uint8Array | undefined
  /** Fault: DISK_FULL; the fact stays as it was. */
  setMeta(key: string, value: Uint8Array): Result<void>
  usage(): { readonly batches: number; readonly bytes: number }
  /** Bounds what is taken from now on. */
  limit(limits: SpoolLimits): void
  /** When the oldest batch kept was sealed, epoch milliseconds. */
  oldestSealedMs(): number | undefined
  close(): void
}

/** Registers and definitions that no batch touched for so long are forgotten. */
const STREAM_AGE_MAX_MS = 90 * 24 * 3600 * 1000

/**
 * Opens the spool of a state directory. A spool that cannot be read is set aside under another name
 * and never blocks the start. Faults: DATA_DIRECTORY_LOCKED, DATA_DIRECTORY_NEWER, DATA_DIRECTORY_UNWRITABLE,
 * DISK_FULL.
 */
export function openSpool(path: string, limits: SpoolLimits, nowMs: number): Result<Spool> {
  const database = openDatabase(path, limits.bytesMax, nowMs)
  if (!database.ok) return database
  const db = database.value
  const forgotten = db.transaction(() => forgetOld(db, nowMs - STREAM_AGE_MAX_MS))
  if (forgotten.ok) return ok(new SqliteSpool(db, limits))
  db.close()
  return forgotten
}

class SqliteSpool implements Spool {
  readonly losses: readonly Loss[]
  readonly #db: Database
  #limits: SpoolLimits
  #usage: { batches: number; bytes: number }

  constructor(db: Database, limits: SpoolLimits) {
    this.#db = db
    this.#limits = limits
    this.losses = db.all('SELECT loss FROM losses').map((row) => fromBinary(LossSchema, row.bytes('loss')))
    const [sum] = db.all('SELECT count(*) AS batches, coalesce(sum(length(signed)), 0) AS bytes FROM batches')
    this.#usage = { batches: sum?.integer('batches') ?? 0, bytes: sum?.integer('bytes') ?? 0 }
  }

  registerPages(): RegisterPage[] {
    return readPages(this.#db)
  }

  lastDigest(): Uint8Array {
    return this.meta('last_digest') ?? new Uint8Array()
  }

  append(sealed: Sealed): Result<void> {
    const signed = toBinary(SignedBatchSchema, sealed.signed)
    const full = sealed.final ? undefined : this.#fullness(signed.length, sealed.sealedMs)
    if (full !== undefined) return fail('SPOOL_FULL', full)
    const kept = this.#db.transaction(() => {
      this.#db.run(
        'INSERT INTO batches (run, sequence, sealed_ms, digest, signed, sum) VALUES (?, ?, ?, ?, ?, ?)',
        sealed.runId,
        sealed.sequence,
        sealed.sealedMs,
        sealed.digest,
        signed,
        rowSum(sealed.runId, sealed.sequence, sealed.sealedMs, sealed.digest, signed),
      )
      for (const page of sealed.registers) putPage(this.#db, page)
      for (const declaration of sealed.declared) this.#putDefinition(declaration)
      this.#putMeta('last_digest', sealed.digest)
      for (const [key, value] of sealed.facts) this.#putFact(key, value)
      for (const id of sealed.ended)
        this.#db.run('INSERT OR REPLACE INTO ended (stream, batch) SELECT ?, max(id) FROM batches', id)
      this.#db.run('DELETE FROM losses')
    })
    if (kept.ok) this.#count(1, signed.length)
    return kept
  }

  oldestRun(): Uint8Array | undefined {
    return this.#db.all('SELECT run FROM batches ORDER BY id LIMIT 1')[0]?.bytes('run')
  }

  batches(runId: Uint8Array, after: bigint, limit: number): SpooledBatch[] {
    const sql =
      'SELECT sequence, digest, signed FROM batches WHERE run = ? AND sequence > ? ORDER BY sequence LIMIT ?'
    return this.#db.all(sql, runId, after, limit).map((row) => ({
      runId,
      sequence: BigInt(row.integer('sequence')),
      digest: row.bytes('digest'),
      signed: fromBinary(SignedBatchSchema, row.bytes('signed')),
    }))
  }

  digest(runId: Uint8Array, sequence: bigint): Uint8Array | undefined {
    const rows = this.#db.all('SELECT digest FROM batches WHERE run = ? AND sequence = ?', runId, sequence)
    return rows[0]?.bytes('digest')
  }

  release(runId: Uint8Array, sequence: bigint): Result<void> {
    const where = 'FROM batches WHERE run = ? AND sequence <= ?'
    const sum = `SELECT count(*) AS batches, coalesce(sum(length(signed)), 0) AS bytes ${where}`
    const [gone] = this.#db.all(sum, runId, sequence)
    const deleted = this.#db.transaction(() => {
      this.#db.run(`DELETE ${where}`, runId, sequence)
      this.#forgetEnded()
    })
    if (!deleted.ok) return deleted
    this.#count(-(gone?.integer('batches') ?? 0), -(gone?.integer('bytes') ?? 0))
    return deleted
  }

  definitions(after: number, limit: number): SpooledDefinition[] {
    const rows = this.#db.all(
      'SELECT id, definition FROM streams WHERE id > ? ORDER BY id LIMIT ?',
      after,
      limit,
    )
    return rows.map((row) => ({
      order: row.integer('id'),
      definition: fromBinary(StreamDefinitionSchema, row.bytes('definition')),
    }))
  }

  meta(key: string): Uint8Array | undefined {
    return this.#db.all('SELECT value FROM meta WHERE key = ?', key)[0]?.bytes('value')
  }

  setMeta(key: string, value: Uint8Array): Result<void> {
    return this.#db.transaction(() => this.#putMeta(key, value))
  }

  /** Streams whose last batch has left the spool: nobody asks for their definitions again. */
  #forgetEnded(): void {
    const over = 'SELECT stream FROM ended WHERE batch NOT IN (SELECT id FROM batches)'
    if (this.#db.all(`${over} LIMIT 1`).length === 0) return
    this.#db.run(`DELETE FROM streams WHERE stream IN (${over})`)
    this.#db.run('DELETE FROM ended WHERE batch NOT IN (SELECT id FROM batches)')
  }

  #putFact(key: string, value: string | undefined): void {
    if (value === undefined) this.#db.run('DELETE FROM meta WHERE key = ?', key)
    else this.#putMeta(key, new TextEncoder().encode(value))
  }

  #putMeta(key: string, value: Uint8Array): void {
    this.#db.run(
      'INSERT OR REPLACE INTO meta (key, value, sum) VALUES (?, ?, ?)',
      key,
      value,
      rowSum(key, value),
    )
  }

  usage(): { readonly batches: number; readonly bytes: number } {
    return { ...this.#usage }
  }

  limit(limits: SpoolLimits): void {
    this.#limits = limits
  }

  oldestSealedMs(): number | undefined {
    return this.#db.all('SELECT sealed_ms FROM batches ORDER BY id LIMIT 1')[0]?.integer('sealed_ms')
  }

  close(): void {
    this.#db.close()
  }

  #putDefinition({ id, ...declaration }: StreamDeclaration): void {
    const definition = create(StreamDefinitionSchema, { streamId: id, ...declaration })
    const bytes = toBinary(StreamDefinitionSchema, definition)
    // A changed definition moves to the end of the order, so that open connections learn of it.
    const same = this.#db.all('SELECT 1 FROM streams WHERE stream = ? AND definition = ?', id, bytes)
    if (same.length > 0) return
    this.#db.run('DELETE FROM streams WHERE stream = ?', id)
    this.#db.run(
      'INSERT INTO streams (stream, definition, sum) VALUES (?, ?, ?)',
      id,
      bytes,
      rowSum(id, bytes),
    )
  }

  #fullness(bytes: number, nowMs: number): string | undefined {
    if (this.#usage.bytes + bytes > this.#limits.bytesMax)
      return `the spool holds ${this.#usage.bytes} of ${this.#limits.bytesMax} octets`
    const oldest = this.oldestSealedMs()
    if (oldest !== undefined && nowMs - oldest > this.#limits.ageMaxMs)
      return `the oldest batch has waited for ${nowMs - oldest} ms`
    return undefined
  }

  #count(batches: number, bytes: number): void {
    this.#usage = { batches: this.#usage.batches + batches, bytes: this.#usage.bytes + bytes }
  }
}
