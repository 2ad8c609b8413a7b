import pg from 'pg'
import { expect, test } from 'vitest'
import { createTestDatabase } from './test-database.ts'

async function tables(url: string, before?: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  if (before !== undefined) await client.query(before)
  const { rows } = await client.query(`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`)
  await client.end()
  return rows
}

test('databases are empty, apart, and gone after dispose', async () => {
  const [left, right] = await Promise.all([createTestDatabase(), createTestDatabase()])
  expect(await tables(left.url, 'CREATE TABLE mine (n int)')).toEqual([{ tablename: 'mine' }])
  expect(await tables(right.url)).toEqual([])
  await left.dispose()
  await expect(tables(left.url)).rejects.toMatchObject({ code: '3D000' })
  await right.dispose()
})
