import { readFile, readdir } from 'node:fs/promises'
import { FaultError, ok, throwFault } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { sha256 } from '@vouch/proto/seal/seal.ts'
import type { Pool, PoolClient } from 'pg'
import { databaseFault } from './fault.ts'

const DIRECTORY = new URL('./migrations/', import.meta.url)
/** Any number, the same in every collector: runners queue up behind it. */
const LOCK = 7_061_001

/**
 * Brings schema `fleet` to the newest version, in one transaction; of several runners one works.
 * Faults: STORE_NEWER_VERSION, STORE_UNAVAILABLE, STORE_READ_ONLY, DISK_FULL.
 */
export async function migratePostgres(pool: Pool): Promise<Result<void>> {
  const names = (await readdir(DIRECTORY)).filter((name) => /^\d{4}-[a-z0-9-]+\.sql$/.test(name)).toSorted()
  let client: PoolClient | undefined
  try {
    client = await pool.connect()
    await client.query('BEGIN')
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
    await client.query('CREATE SCHEMA IF NOT EXISTS fleet')
    await client.query(`CREATE TABLE IF NOT EXISTS fleet.migrations
      (version integer PRIMARY KEY, checksum bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`)
    await applyMissing(client, names)
    await client.query('COMMIT')
    return ok(undefined)
  } catch (error) {
    await client?.query('ROLLBACK').catch(() => undefined)
    if (error instanceof FaultError) return { ok: false, fault: error.fault }
    return databaseFault(error)
  } finally {
    client?.release()
  }
}

async function applyMissing(client: PoolClient, names: readonly string[]): Promise<void> {
  const { rows } = await client.query<{ version: number; checksum: Buffer }>(
    'SELECT version, checksum FROM fleet.migrations',
  )
  const applied = new Map(rows.map(({ version, checksum }) => [version, checksum]))
  for (const name of names) {
    const version = Number.parseInt(name, 10)
    const sql = await readFile(new URL(name, DIRECTORY), 'utf8')
    const checksum = Buffer.from(sha256(Buffer.from(sql)))
    const before = applied.get(version)
    applied.delete(version)
    if (before === undefined) {
      await client.query(sql)
      await client.query('INSERT INTO fleet.migrations (version, checksum) VALUES ($1, $2)', [
        version,
        checksum,
      ])
    } else if (!before.equals(checksum)) {
      throwFault(
        'STORE_NEWER_VERSION',
        `migration ${name} was applied with other contents; start the version that wrote it`,
      )
    }
  }
  const [unknown] = applied.keys()
  if (unknown !== undefined) {
    throwFault(
      'STORE_NEWER_VERSION',
      `schema fleet has migration ${unknown}, unknown to this version; start the newer one`,
    )
  }
}
