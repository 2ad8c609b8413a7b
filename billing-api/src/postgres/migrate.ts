import { readFile, readdir } from 'node:fs/promises'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { sha256 } from '@vouch/proto/seal/seal.ts'
import type { Database, Sql } from './database.ts'

/** A numbered step of the schema. */
interface Migration {
  readonly number: number
  readonly name: string
  readonly text: string
  readonly checksum: string
}

const DIRECTORY = new URL('migrations/', import.meta.url)
/** Any constant: every migrating process of this service takes the same lock. */
const LOCK = 7_301_826_001

/**
 * Brings the schema `billing` to this version; does nothing where it is. Several processes may call it at
 * once. Answers with the names applied. Faults: STORE_NEWER_VERSION where a later version, or another
 * history, wrote the schema.
 */
export async function migrate(database: Database): Promise<string[]> {
  const migrations = await readMigrations()
  return database.transaction(async (sql) => {
    await sql.rows('SELECT pg_advisory_xact_lock($1)', [LOCK])
    // A role that may not create anything can still serve a schema that its owner has migrated.
    const [found] = await sql.rows<{ there: boolean }>(
      "SELECT to_regclass('billing.migrations') IS NOT NULL AS there",
    )
    if (found?.there !== true) {
      await sql.rows('CREATE SCHEMA IF NOT EXISTS billing')
      await sql.rows(`CREATE TABLE billing.migrations (
        number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now())`)
    }
    const pending = await pendingOf(sql, migrations)
    for (const { number, name, text, checksum } of pending) {
      await sql.rows(text)
      await sql.rows('INSERT INTO billing.migrations (number, name, checksum) VALUES ($1, $2, $3)', [
        number,
        name,
        checksum,
      ])
    }
    return pending.map(({ name }) => name)
  })
}

async function pendingOf(sql: Sql, migrations: readonly Migration[]): Promise<Migration[]> {
  const applied = await sql.rows<{ number: number; name: string; checksum: string }>(
    'SELECT number, name, checksum FROM billing.migrations ORDER BY number',
  )
  for (const row of applied) {
    const known = migrations.find(({ number }) => number === row.number)
    if (known === undefined) {
      throwFault('STORE_NEWER_VERSION', `the schema has step ${row.name}; start the version that wrote it`)
    }
    if (known.checksum !== row.checksum) {
      throwFault('STORE_NEWER_VERSION', `step ${row.name} was applied with another text than this version's`)
    }
  }
  return migrations.slice(applied.length)
}

async function readMigrations(): Promise<Migration[]> {
  const names = (await readdir(DIRECTORY)).filter((name) => name.endsWith('.sql')).toSorted()
  return Promise.all(
    names.map(async (name, index) => {
      const text = await readFile(new URL(name, DIRECTORY), 'utf8')
      if (!name.startsWith(`${index + 1}`.padStart(4, '0'))) throw new Error(`${name} is out of sequence`)
      return { number: index + 1, name, text, checksum: toHex(sha256(new TextEncoder().encode(text))) }
    }),
  )
}
