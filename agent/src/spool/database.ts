import { DatabaseSync } from 'node:sqlite'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { openFault, setAside, tablesOf, wrapDatabase } from './sqlite.ts'
import type { Database } from './sqlite.ts'
import { addLoss, takeOutDamaged } from './rows.ts'
import {
  SPOOL_ENDED,
  SPOOL_PAGES,
  SPOOL_SCHEMA,
  SPOOL_STATES_GONE,
  SPOOL_SUMS,
  SPOOL_VERSION,
} from './schema.ts'
import { moveStates } from './states.ts'

const PAGE_BYTES = 4096
/** What leads from one version to the next. */
const STEPS = [SPOOL_SCHEMA, SPOOL_SUMS, SPOOL_ENDED, SPOOL_PAGES]

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
    const wrapped = wrapDatabase(db, 'the spool')
    if (version < SPOOL_VERSION) {
      db.exec(`BEGIN; ${STEPS.slice(version).join(' ')}`)
      moveStates(wrapped)
      db.exec(`${SPOOL_STATES_GONE} PRAGMA user_version = ${SPOOL_VERSION}; COMMIT`)
    }
    if (tablesOf(db) !== expectedTables()) throw new Error('damaged definitions of its tables')
    const checked = wrapped.transaction(() => takeOutDamaged(wrapped, path, nowMs))
    if (checked.ok) return ok(wrapped)
    db.close()
    return checked
  } catch (error) {
    if (db?.isOpen === true) db.close()
    return openFault(path, error)
  }
}

function expectedTables(): string {
  const db = new DatabaseSync(':memory:')
  db.exec(`${STEPS.join(' ')} ${SPOOL_STATES_GONE}`)
  const tables = tablesOf(db)
  db.close()
  return tables
}
