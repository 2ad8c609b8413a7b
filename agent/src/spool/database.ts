import { renameSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { addLoss, takeOutDamaged } from './rows.ts'
import { SPOOL_ENDED, SPOOL_SCHEMA, SPOOL_SUMS, SPOOL_VERSION } from './schema.ts'

/** A row whose columns are read by type; a column of another type is a broken invariant. */
export interface Row {
  bytes(column: string): Uint8Array
  text(column: string): string
  integer(column: string): number
}

/** The part of SQLite that the spool uses. One process at a time; every commit is on disk. */
export interface Database {
  all(sql: string, ...values: SQLInputValue[]): Row[]
  run(sql: string, ...values: SQLInputValue[]): void
  /** Runs all or nothing. Faults: DISK_FULL. */
  transaction(body: () => void): Result<void>
  close(): void
}

/** Primary result codes. Source: sqlite.org/rescode.html */
const SQLITE = { BUSY: 5, READONLY: 8, IOERR: 10, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 } as const

const PAGE_BYTES = 4096

/**
 * Opens the file, makes its tables, or sets it aside where it is damaged and starts a new one with a
 * loss on record. The file may grow to half as much again as the batches it is to hold.
 */
export function openDatabase(path: string, bytesMax: number, nowMs: number): Result<Database> {
  const pagesMax = Math.ceil((bytesMax * 1.5) / PAGE_BYTES) + 256
  const opened = tryOpen(path, pagesMax, nowMs)
  if (opened.ok || opened.fault.code !== 'SPOOL_CORRUPT') return opened
  const sinceMs = setAside(path, nowMs)
  const fresh = tryOpen(path, pagesMax, nowMs)
  if (!fresh.ok) return fresh
  addLoss(fresh.value, sinceMs, nowMs)
  return fresh
}

function tryOpen(path: string, pagesMax: number, nowMs: number): Result<Database> {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, { timeout: 0 })
    db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
      PRAGMA max_page_count = ${pagesMax}; PRAGMA journal_size_limit = ${64 * PAGE_BYTES};
      BEGIN EXCLUSIVE; COMMIT`)
    const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'])
    if (version > SPOOL_VERSION) {
      db.close()
      return fail('DATA_DIRECTORY_NEWER', `${path} has version ${version}, this agent reads ${SPOOL_VERSION}`)
    }
    // An index that does not fit its table hides rows; the table is what was written.
    if (db.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check'] !== 'ok') db.exec('REINDEX')
    if (db.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check'] !== 'ok')
      throw new Error('damaged pages')
    if (version < SPOOL_VERSION) {
      const steps = [SPOOL_SCHEMA, SPOOL_SUMS, SPOOL_ENDED].slice(version).join(' ')
      db.exec(`BEGIN; ${steps} PRAGMA user_version = ${SPOOL_VERSION}; COMMIT`)
    }
    if (tablesOf(db) !== expectedTables()) throw new Error('damaged definitions of its tables')
    const wrapped = wrap(db)
    const checked = wrapped.transaction(() => takeOutDamaged(wrapped, path, nowMs))
    if (checked.ok) return ok(wrapped)
    db.close()
    return checked
  } catch (error) {
    if (db?.isOpen === true) db.close()
    return openFault(path, error)
  }
}

/** What SQLite keeps of the tables' definitions: a bit that flips in a name there hides a column. */
function tablesOf(db: DatabaseSync): string {
  return JSON.stringify(
    db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid').all(),
  )
}

function expectedTables(): string {
  const db = new DatabaseSync(':memory:')
  db.exec(`${SPOOL_SCHEMA} ${SPOOL_SUMS} ${SPOOL_ENDED}`)
  const tables = tablesOf(db)
  db.close()
  return tables
}

/** What an error at opening means. */
export function openFault(path: string, error: unknown): Result<never> {
  const code = primaryCode(error)
  if (code === SQLITE.BUSY)
    return fail('DATA_DIRECTORY_LOCKED', `${path} is in use: another agent runs on this state directory`)
  if (code === SQLITE.CANTOPEN || code === SQLITE.READONLY)
    return fail('DATA_DIRECTORY_UNWRITABLE', `${path} cannot be opened for writing`)
  // What cannot be kept beside the spool for want of room is no damage to the spool.
  if (code === SQLITE.FULL || code === SQLITE.IOERR || (error instanceof Error && 'syscall' in error))
    return fail('DISK_FULL', `${path} cannot be written: ${reason(error)}`)
  return fail('SPOOL_CORRUPT', `${path} cannot be read: ${reason(error)}`)
}

/** Renames a damaged spool and returns since when it had been written, epoch milliseconds. */
function setAside(path: string, nowMs: number): number {
  const sinceMs = Math.min(nowMs - 1, Math.trunc(statSync(path).birthtimeMs))
  for (const suffix of ['', '-wal', '-shm']) {
    try {
      renameSync(`${path}${suffix}`, `${path}.corrupt-${nowMs}${suffix}`)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    }
  }
  return sinceMs
}

function wrap(db: DatabaseSync): Database {
  const statements = new Map<string, StatementSync>()
  const prepared = (sql: string): StatementSync => {
    const statement = statements.get(sql) ?? db.prepare(sql)
    statements.set(sql, statement)
    return statement
  }
  return {
    all: (sql, ...values) =>
      prepared(sql)
        .all(...values)
        .map(rowOf),
    run: (sql, ...values) => void prepared(sql).run(...values),
    transaction(body) {
      try {
        db.exec('BEGIN IMMEDIATE')
        body()
        db.exec('COMMIT')
        return ok(undefined)
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK')
        const code = primaryCode(error)
        if (code !== SQLITE.FULL && code !== SQLITE.IOERR) throw error
        return fail('DISK_FULL', `the spool cannot be written: ${reason(error)}`)
      }
    },
    close: () => db.close(),
  }
}

/** A row of SQLite's, read by type. */
export function rowOf(row: Record<string, SQLOutputValue>): Row {
  const wrong = (column: string): never => {
    throw new Error(`column ${column} of the spool has another type`)
  }
  return {
    bytes: (column) => {
      const value = row[column]
      return value instanceof Uint8Array ? value : wrong(column)
    },
    text: (column) => {
      const value = row[column]
      return typeof value === 'string' ? value : wrong(column)
    },
    integer: (column) => {
      const value = row[column]
      return typeof value === 'number' ? value : wrong(column)
    },
  }
}

/** SQLite's extended codes keep the primary one in their low byte. */
function primaryCode(error: unknown): number | undefined {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined
  return typeof code === 'number' ? code & 0xff : undefined
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
