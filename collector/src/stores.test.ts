import type { ClickHouseClient } from '@clickhouse/client'
import { createTestEngine } from '@vouch/clickhouse'
import type { TestEngine } from '@vouch/clickhouse'
import { createTestDatabase } from '@vouch/postgres'
import type { TestDatabase } from '@vouch/postgres'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrateClickHouse, readMigrations } from './clickhouse/migrate.ts'
import { createFleet } from './postgres/fleet.ts'
import { migratePostgres } from './postgres/migrate.ts'
import { openPool } from './postgres/pool.ts'
import { SILENT } from './testing/test-collector.ts'

let engine: TestEngine
let clients: ClickHouseClient[]
let postgres: TestDatabase
let pool: pg.Pool
beforeAll(async () => {
  engine = await createTestEngine()
  clients = [await engine.connect(), await engine.connect()]
  postgres = await createTestDatabase()
  pool = openPool(postgres.url, SILENT)
})
afterAll(async () => {
  await pool.end()
  await postgres.dispose()
  await engine.dispose()
})

describe('ClickHouse migrations', () => {
  it('run by two at once, and again, give one schema', async () => {
    const results = await Promise.all(clients.map((client) => migrateClickHouse(client, engine.database)))
    expect([...results, await migrateClickHouse(clients[0]!, engine.database)]).toEqual(
      [1, 2, 3].map(() => ({ ok: true, value: undefined })),
    )
    const tables = await clients[0]!.query({
      query: `SHOW TABLES FROM ${engine.database}`,
      format: 'JSONEachRow',
    })
    const names = (await tables.json<{ name: string }>()).map(({ name }) => name)
    expect(names).toEqual(
      expect.arrayContaining([
        'readings_v1',
        'usage_hours_v1',
        'batches_v1',
        'streams_v1',
        'losses_v1',
        'agent_keys_v1',
      ]),
    )
    const versions = (await readMigrations()).map(({ version }) => version)
    expect(versions).toEqual(versions.map((_, index) => index + 1))
  })

  it.each([
    ['written by a newer version', "(9999, '9999-later.sql', 'c0ffee')"],
    ['changed since', "(1, '0001-readings.sql', 'c0ffee')"],
  ])('STORE_NEWER_VERSION: %s', async (_, row) => {
    const table = `${engine.database}.migrations`
    const client = clients[0]!
    const before = `CREATE TABLE IF NOT EXISTS ${table}_kept AS ${table}`
    await client.command({ query: before })
    await client.command({ query: `INSERT INTO ${table}_kept SELECT * FROM ${table}` })
    await client.command({ query: `INSERT INTO ${table} (version, name, checksum) VALUES ${row}` })
    expect(await migrateClickHouse(client, engine.database)).toMatchObject({
      fault: { code: 'STORE_NEWER_VERSION' },
    })
    await client.command({ query: `TRUNCATE TABLE ${table}` })
    await client.command({ query: `INSERT INTO ${table} SELECT DISTINCT * FROM ${table}_kept` })
    expect(await migrateClickHouse(client, engine.database)).toEqual({ ok: true, value: undefined })
  })
})

describe('PostgreSQL migrations', () => {
  it('run by twenty at once, and again, give one schema', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, () => migratePostgres(pool)))
    expect(results.every(({ ok }) => ok)).toBe(true)
    expect((await pool.query('SELECT version FROM fleet.migrations')).rows).toEqual(
      [1, 2, 3, 4, 5, 6].map((version) => ({ version })),
    )
  })

  it.each([
    [
      'written by a newer version',
      "INSERT INTO fleet.migrations VALUES (9999, '\\x00')",
      'DELETE FROM fleet.migrations WHERE version = 9999',
    ],
    [
      'changed since',
      "UPDATE fleet.migrations SET checksum = checksum || '\\x00'",
      'UPDATE fleet.migrations SET checksum = substr(checksum, 1, 32)',
    ],
  ])('STORE_NEWER_VERSION: %s', async (_, change, undo) => {
    await pool.query(change)
    expect(await migratePostgres(pool)).toMatchObject({ fault: { code: 'STORE_NEWER_VERSION' } })
    await pool.query(undo)
    expect(await migratePostgres(pool)).toEqual({ ok: true, value: undefined })
  })

  it('STORE_UNAVAILABLE where no server answers, STORE_READ_ONLY where it refuses writes', async () => {
    const nowhere = openPool('postgresql://nobody@127.0.0.1:1/none', SILENT)
    expect(await migratePostgres(nowhere)).toMatchObject({ fault: { code: 'STORE_UNAVAILABLE' } })
    expect(await createFleet(nowhere).list(1)).toMatchObject({ fault: { code: 'STORE_UNAVAILABLE' } })
    await nowhere.end()
    const url = new URL(postgres.url)
    url.searchParams.set('options', '-c default_transaction_read_only=on')
    const reading = openPool(url.href, SILENT)
    expect(await createFleet(reading).createToken({ ttlMs: 1_000 })).toMatchObject({
      fault: { code: 'STORE_READ_ONLY' },
    })
    await reading.end()
  })
})

it('only hashes of tokens are kept', async () => {
  const token = unwrap(await createFleet(pool).createToken({ ttlMs: 1_000, label: 'rack 7' }))
  const { rows } = await pool.query('SELECT * FROM fleet.enrolment_tokens')
  expect(JSON.stringify(rows)).not.toContain(token.slice('vouch_'.length))
})
