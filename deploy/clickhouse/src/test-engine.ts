import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ClickHouseClient, createClient } from '@clickhouse/client'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { openEngine } from './engine.ts'

/** An empty database for one suite. */
export interface TestEngine {
  /** Name of the database. */
  readonly database: string
  /** Data directory of the embedded engine; undefined on a server. */
  readonly path: string | undefined
  /** Opens one more client on the database. */
  readonly connect: () => Promise<ClickHouseClient>
  /** Drops the database, closes every client, removes the directory. */
  readonly dispose: () => Promise<void>
}

/**
 * Makes a fresh database on the server of `VOUCH_TEST_CLICKHOUSE_URL`, else in a new embedded engine. vitest runs
 * each test file in its own process, which the one-directory-per-process rule needs.
 */
export async function createTestEngine(): Promise<TestEngine> {
  const database = `test_${randomUUID().replaceAll('-', '')}`
  const url = process.env['VOUCH_TEST_CLICKHOUSE_URL']
  return url === undefined ? embedded(database) : onServer(url, database)
}

async function embedded(database: string): Promise<TestEngine> {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-clickhouse-'))
  const engine = unwrap(await openEngine(directory))
  const client = await engine.connect()
  await client.command({ query: `CREATE DATABASE ${database}` })
  return {
    database,
    path: engine.path,
    connect: () => engine.connect(database),
    dispose: async () => {
      await engine.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function onServer(url: string, database: string): Promise<TestEngine> {
  const administrator = createClient({ url })
  await administrator.command({ query: `CREATE DATABASE ${database}` })
  const clients = [administrator]
  return {
    database,
    path: undefined,
    connect: async () => {
      const client = createClient({ url, database })
      clients.push(client)
      return client
    },
    dispose: async () => {
      await administrator.command({ query: `DROP DATABASE IF EXISTS ${database}` })
      await Promise.all(clients.map((client) => client.close()))
    },
  }
}
