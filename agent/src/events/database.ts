import { randomBytes } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { openFault, setAside, wrapDatabase } from '../spool/sqlite.ts'
import type { Database } from '../spool/sqlite.ts'
import { EVENTS_SCHEMA, EVENTS_VERSION } from './schema.ts'

/** Pages in memory, and in the log before they are written to their places: new ids go all over the table. */
const CACHE_KIB = 64 * 1024
const PAGE_KIB = 4

/** The database of events, and whether it had to be begun anew because the one before could not be read. */
export interface OpenedDatabase {
  readonly db: Database
  readonly isReplaced: boolean
}

/**
 * Opens the database. One that is damaged is set aside and begun anew; `check` may find damage too, by throwing. The
 * new one refuses what is older than itself, for it cannot know what the old one counted.
 * Faults: DATA_DIRECTORY_LOCKED, DATA_DIRECTORY_NEWER, DATA_DIRECTORY_UNWRITABLE, DISK_FULL.
 */
export function openEventsDatabase(
  path: string,
  nowMs: number,
  check: (db: Database) => void,
): Result<OpenedDatabase> {
  const opened = tryOpen(path, 0, check)
  if (opened.ok) return ok({ db: opened.value, isReplaced: false })
  if (opened.fault.code !== 'SPOOL_CORRUPT') return opened
  setAside(path, nowMs)
  const fresh = tryOpen(path, nowMs, check)
  return fresh.ok ? ok({ db: fresh.value, isReplaced: true }) : fresh
}

function tryOpen(path: string, horizonMs: number, check: (db: Database) => void): Result<Database> {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, { timeout: 0 })
    db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
      PRAGMA cache_size = -${CACHE_KIB}; PRAGMA wal_autocheckpoint = ${CACHE_KIB / PAGE_KIB};
      PRAGMA journal_size_limit = ${CACHE_KIB * 1024}; BEGIN EXCLUSIVE; COMMIT`)
    const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'])
    if (version > EVENTS_VERSION) {
      db.close()
      return fail(
        'DATA_DIRECTORY_NEWER',
        `${path} has version ${version}, this agent reads ${EVENTS_VERSION}`,
      )
    }
    if (db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'] !== 'ok') throw new Error('damaged pages')
    if (version < EVENTS_VERSION) {
      const name = randomBytes(8).toHex()
      db.exec(`BEGIN; ${EVENTS_SCHEMA} INSERT INTO meta VALUES ('name', '${name}'), ('horizon_ms', '${horizonMs}'),
        ('opened', '0'); PRAGMA user_version = ${EVENTS_VERSION}; COMMIT`)
    }
    const wrapped = wrapDatabase(db, path)
    check(wrapped)
    return ok(wrapped)
  } catch (error) {
    if (db?.isOpen === true) db.close()
    return openFault(path, error)
  }
}
