import { readFile, readdir } from 'node:fs/promises'
import type { ClickHouseClient } from '@clickhouse/client'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { sha256 } from '@vouch/proto/seal/seal.ts'
import { storeFault } from './fault.ts'

/** A numbered file of statements that can all be run again. */
export interface Migration {
  readonly version: number
  readonly name: string
  readonly sql: string
  /** SHA-256 of the file, hexadecimal. */
  readonly checksum: string
}

const DIRECTORY = new URL('./migrations/', import.meta.url)

/** Reads the migrations of this version, in order. */
export async function readMigrations(directory: URL = DIRECTORY): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => /^\d{4}-[a-z0-9-]+\.sql$/.test(name)).toSorted()
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, directory), 'utf8')
      return { version: Number.parseInt(name, 10), name, sql, checksum: sha256(Buffer.from(sql)).toHex() }
    }),
  )
}

/**
 * Brings a database to the newest schema. ClickHouse has no transactions over schema changes, so
 * every statement can be repeated and two runners at once do no harm.
 * Faults: STORE_NEWER_VERSION, STORE_UNAVAILABLE, STORE_READ_ONLY, DISK_FULL.
 */
export async function migrateClickHouse(client: ClickHouseClient, database: string): Promise<Result<void>> {
  const migrations = await readMigrations()
  try {
    await client.command({ query: `CREATE DATABASE IF NOT EXISTS ${database}` })
    await client.command({
      query: `CREATE TABLE IF NOT EXISTS ${database}.migrations
        (version UInt32, name String, checksum String, applied DateTime64(3, 'UTC') DEFAULT now64(3))
        ENGINE = ReplacingMergeTree ORDER BY (version, checksum)`,
    })
    const applied = await appliedMigrations(client, database)
    const conflict = findConflict(applied, migrations)
    if (conflict !== undefined) return fail('STORE_NEWER_VERSION', conflict)
    const versions = new Set(applied.map(({ version }) => version))
    for (const migration of migrations) {
      if (!versions.has(migration.version)) await apply(client, database, migration)
    }
    return ok(undefined)
  } catch (error) {
    return storeFault(error)
  }
}

interface Applied {
  readonly version: number
  readonly checksum: string
}

async function appliedMigrations(client: ClickHouseClient, database: string): Promise<Applied[]> {
  const query = `SELECT version, checksum FROM ${database}.migrations FINAL ORDER BY version`
  const result = await client.query({ query, format: 'JSONEachRow' })
  return result.json<Applied>()
}

function findConflict(applied: readonly Applied[], known: readonly Migration[]): string | undefined {
  for (const { version, checksum } of applied) {
    const migration = known.find((candidate) => candidate.version === version)
    if (migration === undefined) {
      return `the ClickHouse schema has migration ${version}, unknown to this version; start the newer one`
    }
    if (migration.checksum !== checksum) {
      return `migration ${migration.name} was applied with other contents; start the version that wrote it`
    }
  }
  return undefined
}

async function apply(client: ClickHouseClient, database: string, migration: Migration): Promise<void> {
  const statements = migration.sql.replaceAll(/\bvouch\b(?!`)/g, database).split(/;\s*\n/)
  for (const statement of statements) {
    if (statement.trim() !== '') await client.command({ query: statement })
  }
  await client.command({
    // Not VALUES: for those the embedded engine also reads this process's standard input.
    query: `INSERT INTO ${database}.migrations (version, name, checksum)
      SELECT ${migration.version}, '${migration.name}', '${migration.checksum}'`,
  })
}
