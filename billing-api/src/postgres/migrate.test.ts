import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, startEmbeddedPostgres } from '@vouch/postgres'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { SILENT } from '../testing/billing-fixture.ts'
import { findTariff } from './catalogue.ts'
import { openDatabase } from './database.ts'
import type { Database } from './database.ts'
import { migrate } from './migrate.ts'

const DIRECTORY = new URL('migrations/', import.meta.url)
const STEPS = readdirSync(DIRECTORY).toSorted()

/** A database, and how to be rid of it. */
interface Place {
  readonly url: string
  dispose(): Promise<void>
}

const DEBIAN = '/usr/lib/postgresql'
const version = existsSync(DEBIAN) ? readdirSync(DEBIAN).at(-1) : undefined
const absent = version === undefined ? ', not run: Debian package postgresql is absent' : ''
if (absent !== '' && process.env['CI'] === 'true') throw new Error('Debian package postgresql is absent')

async function startDebian(): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-billing-'))
  await chmod(directory, 0o755)
  const bin = `${DEBIAN}/${version}/bin`
  const binaries = { initdb: `${bin}/initdb`, postgres: `${bin}/postgres` }
  const server = unwrap(await startEmbeddedPostgres({ directory, binaries }))
  const dispose = async () => {
    await server.stop()
    await rm(directory, { recursive: true })
  }
  return { url: server.url, dispose }
}

const places: readonly (readonly [string, boolean, () => Promise<Place>])[] = [
  ['the embedded server', true, createTestDatabase],
  [`Debian's server${absent}`, version !== undefined, startDebian],
]

describe.each(places)('migrate on %s', (_name, present, start) => {
  let place: Place
  let database: Database
  beforeAll(async () => {
    if (!present) return
    place = await start()
    database = openDatabase({ url: place.url, connectionsMax: 6, logger: SILENT })
  })
  afterAll(async () => {
    if (!present) return
    await database.close()
    await place.dispose()
  })

  it.runIf(present)('applies every step once, also when five processes come at once', async () => {
    const applied = await Promise.all(Array.from({ length: 5 }, () => migrate(database)))
    expect(applied.flat()).toHaveLength(STEPS.length)
    expect(await migrate(database)).toEqual([])
  })

  it.runIf(present)('refuses a schema with a step that it does not know', async () => {
    await database.rows("INSERT INTO billing.migrations VALUES (99, '0099-future.sql', 'x')")
    await expect(migrate(database)).rejects.toMatchObject({ fault: { code: 'STORE_NEWER_VERSION' } })
    await database.rows('DELETE FROM billing.migrations WHERE number = 99')
  })

  it.runIf(present)('refuses a step that was applied with another text', async () => {
    await database.rows("UPDATE billing.migrations SET checksum = 'x' WHERE number = 2")
    await expect(migrate(database)).rejects.toMatchObject({
      fault: { code: 'STORE_NEWER_VERSION', message: expect.stringContaining('0002-catalogue.sql') },
    })
  })
})

describe('a schema of per-unit prices', () => {
  let place: Place
  let database: Database
  beforeAll(async () => {
    place = await createTestDatabase()
    database = openDatabase({ url: place.url, connectionsMax: 2, logger: SILENT })
  })
  afterAll(async () => {
    await database.close()
    await place.dispose()
  })

  it('becomes one of rules: a rule for each price, drafts go, what is issued stays', async () => {
    await database.transaction(async (sql) => {
      await sql.rows('CREATE SCHEMA billing')
      for (const step of STEPS.slice(0, 5)) await sql.rows(readFileSync(new URL(step, DIRECTORY), 'utf8'))
      await sql.rows(`CREATE TABLE billing.migrations (number integer PRIMARY KEY, name text NOT NULL,
        checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`)
      for (const [index, step] of STEPS.slice(0, 5).entries()) {
        const checksum = createHash('sha256')
          .update(readFileSync(new URL(step, DIRECTORY)))
          .digest('hex')
        await sql.rows('INSERT INTO billing.migrations VALUES ($1, $2, $3)', [index + 1, step, checksum])
      }
      await sql.rows(
        `INSERT INTO billing.items VALUES ('cpu', 1, 'CPU', 'host.cpu.used', 'core-hour', 'half-up', 6, now())`,
      )
      await sql.rows(`INSERT INTO billing.tariffs VALUES ('old', 1, 'EUR', 'half-up', now())`)
      await sql.rows(`INSERT INTO billing.tariff_prices VALUES ('old', 1, 0, 'cpu', 1, '0.0400')`)
      await sql.rows(`INSERT INTO billing.accounts VALUES ('a', 'A', 'UTC', now())`)
      await sql.rows(`INSERT INTO billing.invoices (invoice_id, account_id, buyer_name, seller_id, seller_name, currency,
        period, time_zone, total_minor, created_at) VALUES (gen_random_uuid(), 'a', 'A', 's', 'S', 'EUR',
        tstzrange('2026-01-01', '2026-02-01'), 'UTC', 0, now())`)
    })
    expect(await migrate(database)).toEqual(STEPS.slice(5))
    expect(await findTariff(database, { id: 'old' })).toMatchObject({
      roundingStage: 'line',
      items: [{ itemId: 'cpu', version: 1 }],
      rules: [
        {
          id: 'cpu',
          item: 'cpu',
          kind: 'usage',
          per: 'resource',
          price: { model: 'per-unit', unitPrice: '0.0400' },
        },
      ],
    })
    expect(await database.rows('SELECT FROM billing.invoices')).toEqual([])
  })
})
