import { renameSync, statSync } from 'node:fs'
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'

/** A row whose columns are read by type; a column of another type is a broken invariant. */
export interface Row {
  bytes(column: string): Uint8Array
  text(column: string): string
  integer(column: string): number
}

/** The part of SQLite that is used. One process at a time; every commit is on disk. */
export interface Database {
  all(sql: string, ...values: SQLInputValue[]): Row[]
  /** How many rows it changed. */
  run(sql: string, ...values: SQLInputValue[]): number
  /** Runs all or nothing. Faults: DISK_FULL. */
  transaction(body: () => void): Result<void>
  close(): void
}

/** Primary result codes. Source: sqlite.org/rescode.html */
const SQLITE = { BUSY: 5, READONLY: 8, IOERR: 10, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 } as const

/** What SQLite keeps of the tables' definitions: a bit that flips in a name there hides a column. */
export function tablesOf(db: DatabaseSync): string {
  return JSON.stringify(
    db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid').all(),
  )
}

/**
 * What it means that a database could not be opened: locked, not writable, no room, or damaged, which is SPOOL_CORRUPT.
 */
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

/** Renames a damaged database and returns since when it had been written, epoch milliseconds. */
export function setAside(path: string, nowMs: number): number {
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

/** A database that was opened; `name` stands in its faults. */
export function wrapDatabase(db: DatabaseSync, name: string): Database {
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
    run: (sql, ...values) => Number(prepared(sql).run(...values).changes),
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
        return fail('DISK_FULL', `${name} cannot be written: ${reason(error)}`)
      }
    },
    close: () => db.close(),
  }
}

/** A row of SQLite's, read by type. */
export function rowOf(row: Record<string, SQLOutputValue>): Row {
  const wrong = (column: string): never => {
    throw new Error(`column ${column} has another type`)
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
