import { existsSync, readdirSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, startEmbeddedPostgres } from '@vouch/postgres'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { SILENT } from '../testing/billing-fixture.ts'
import { openDatabase } from './database.ts'
import type { Database } from './database.ts'
import { migrate } from './migrate.ts'

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
    expect(applied.flat()).toHaveLength(5)
    expect(await migrate(database)).toEqual([])
  })

  it.runIf(present)('refuses a schema with a step that it does not know', async () => {
    await database.rows("INSERT INTO billing.migrations VALUES (6, '0006-future.sql', 'x')")
    await expect(migrate(database)).rejects.toMatchObject({ fault: { code: 'STORE_NEWER_VERSION' } })
    await database.rows('DELETE FROM billing.migrations WHERE number = 6')
  })

  it.runIf(present)('refuses a step that was applied with another text', async () => {
    await database.rows("UPDATE billing.migrations SET checksum = 'x' WHERE number = 2")
    await expect(migrate(database)).rejects.toMatchObject({
      fault: { code: 'STORE_NEWER_VERSION', message: expect.stringContaining('0002-catalogue.sql') },
    })
  })
})
