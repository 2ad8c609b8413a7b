import { randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClickHouseClient } from '@clickhouse/client'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Failure, Result } from '@vouch/proto/kernel/fault.ts'
import { storeFault } from './fault.ts'
import { readMigrations } from './migrate.ts'

/** What a migrated database has: `table.` and `table.column` (a view with arguments shows no columns), and `migration N`. */
export type Schema = ReadonlySet<string>

/** Enough to notice that a directory for temporary files is full. */
const PROBE_BYTES = 65_536
const NAMED_MAX = 3

/**
 * Reads what a migrated database has of the tables and views that the migrations name. Faults: STORE_OLDER_VERSION
 * where one is missing although its migration is on record, STORE_….
 */
export async function readSchema(client: ClickHouseClient, database: string): Promise<Result<Schema>> {
  const sql = (await readMigrations()).map((migration) => migration.sql).join('\n')
  const named = (pattern: RegExp): Set<string> => new Set(sql.matchAll(pattern).map(([, name]) => name ?? ''))
  const own = named(/\bvouch\.(\w+)/g).difference(named(/\bDROP (?:TABLE|VIEW)[^;]*?\bvouch\.(\w+)/g))
  const present = await readPresent(client, database)
  if (!present.ok) return present
  const tables = new Set([...present.value].map((name) => tableOf(name)))
  const missing = [...own.difference(tables)]
  if (missing.length > 0) return lacks(database, missing)
  return ok(new Set([...present.value].filter((name) => own.has(tableOf(name)) || !name.includes('.'))))
}

/**
 * Whether a database still has a schema. A newer one is no obstacle: its additions are not ours to use.
 * Faults: STORE_OLDER_VERSION where a column, a table or the whole database is gone, STORE_….
 */
export async function checkSchema(
  client: ClickHouseClient,
  database: string,
  schema: Schema,
): Promise<Result<void>> {
  const present = await readPresent(client, database)
  if (!present.ok) return present
  const absent = [...schema.difference(present.value)]
  return absent.length === 0 ? ok(undefined) : lacks(database, absent)
}

function lacks(database: string, absent: readonly string[]): Failure {
  // Of a table that is gone its columns need no mention.
  const gone = new Set(absent.filter((name) => name.endsWith('.')).map((name) => tableOf(name)))
  const columns = absent.filter((name) => !gone.has(tableOf(name)))
  const all = [...gone, ...columns].toSorted()
  const named = all.slice(0, NAMED_MAX).join(', ')
  const more = all.length > NAMED_MAX ? ` and ${all.length - NAMED_MAX} more` : ''
  const remedy = absent.some((name) => name.startsWith('migration '))
    ? 'restore a newer backup, or start the collector again, which migrates'
    : `restore a backup, or empty ${database}.migrations and start the collector again: it makes what is missing anew`
  return fail('STORE_OLDER_VERSION', `the ClickHouse database ${database} lacks ${named}${more}; ${remedy}`)
}

function tableOf(name: string): string {
  return name.split('.')[0] ?? ''
}

/** Whether the store takes a write. Faults: STORE_…, DISK_FULL. */
export async function checkWrites(
  client: ClickHouseClient,
  database: string,
  embedded: boolean,
): Promise<Result<void>> {
  const file = join(tmpdir(), `vouch-probe-${randomUUID()}`)
  try {
    // The embedded engine takes its rows from files there.
    if (embedded) await writeFile(file, new Uint8Array(PROBE_BYTES))
    // A row that is there already: it replaces itself.
    const table = `${database}.migrations`
    await client.command({
      query: `INSERT INTO ${table} SELECT * FROM ${table} ORDER BY version LIMIT 1 SETTINGS insert_deduplicate = 0`,
    })
    return ok(undefined)
  } catch (error) {
    return storeFault(error)
  } finally {
    await rm(file, { force: true })
  }
}

async function readPresent(client: ClickHouseClient, database: string): Promise<Result<Schema>> {
  const query = `SELECT concat(table, '.', name) AS what FROM system.columns WHERE database = '${database}'
    UNION ALL SELECT concat(name, '.') AS what FROM system.tables WHERE database = '${database}'
    UNION ALL SELECT concat('migration ', toString(version)) AS what FROM ${database}.migrations`
  try {
    const result = await client.query({ query, format: 'JSONEachRow' })
    return ok(new Set((await result.json<{ what: string }>()).map(({ what }) => what)))
  } catch (error) {
    return storeFault(error)
  }
}
