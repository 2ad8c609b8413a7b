import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase } from '@vouch/postgres'
import type { TestDatabase } from '@vouch/postgres'
import { SILENT } from '../testing/billing-fixture.ts'
import { openDatabase } from './database.ts'
import type { Database } from './database.ts'
import { migrate } from './migrate.ts'

let server: TestDatabase
let database: Database
beforeAll(async () => {
  server = await createTestDatabase()
  database = openDatabase({ url: server.url, connectionsMax: 6, logger: SILENT })
})
afterAll(async () => {
  await database.close()
  await server.dispose()
})

describe('migrate', () => {
  it('applies every step once, also when five processes come at once', async () => {
    const applied = await Promise.all(Array.from({ length: 5 }, () => migrate(database)))
    expect(applied.flat()).toHaveLength(5)
    expect(await migrate(database)).toEqual([])
  })

  it('refuses a schema with a step that it does not know', async () => {
    await database.rows("INSERT INTO billing.migrations VALUES (6, '0006-future.sql', 'x')")
    await expect(migrate(database)).rejects.toMatchObject({ fault: { code: 'STORE_NEWER_VERSION' } })
    await database.rows('DELETE FROM billing.migrations WHERE number = 6')
  })

  it('refuses a step that was applied with another text', async () => {
    await database.rows("UPDATE billing.migrations SET checksum = 'x' WHERE number = 2")
    await expect(migrate(database)).rejects.toMatchObject({
      fault: { code: 'STORE_NEWER_VERSION', message: expect.stringContaining('0002-catalogue.sql') },
    })
  })
})
