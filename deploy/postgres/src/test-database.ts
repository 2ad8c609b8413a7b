import { randomUUID } from 'node:crypto'
import { chown, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import pg from 'pg'
import { ownerOf } from './owner.ts'
import { startEmbeddedPostgres } from './server.ts'

/** An empty database for one suite. */
export interface TestDatabase {
  readonly url: string
  /** Drops the database, ending whatever is still connected to it. */
  readonly dispose: () => Promise<void>
}

let shared: Promise<string> | undefined

/**
 * Makes a fresh database on the server of `VOUCH_TEST_DATABASE_URL`, else on one embedded server per process, which
 * ends with the process.
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = process.env['VOUCH_TEST_DATABASE_URL'] ?? (await (shared ??= startShared()))
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await administer(server, `CREATE DATABASE ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return { url: url.href, dispose: () => administer(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) }
}

async function administer(server: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

async function startShared(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-postgres-'))
  const { uid, gid } = await ownerOf(directory)
  if (uid !== undefined && gid !== undefined) await chown(directory, uid, gid)
  return unwrap(await startEmbeddedPostgres({ directory, temporary: true })).url
}
