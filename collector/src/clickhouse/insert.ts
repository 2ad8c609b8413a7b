import { randomUUID } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { ClickHouseClient } from '@clickhouse/client'
import type { TableBlock } from '../ingest/blocks.ts'

/** Inserts a block; when it returns, the rows are durable. */
export interface Inserter {
  insert(block: TableBlock): Promise<void>
  close(): Promise<void>
}

/**
 * A repeated insert must reach the materialized view again, which the engine's own deduplication
 * of blocks would prevent; and an insert that answers before it is written would be no receipt.
 */
const SETTINGS = 'SETTINGS insert_deduplicate = 0, async_insert = 0'

/** Inserts over HTTP: the block is the request's body. */
export function serverInserter(client: ClickHouseClient, database: string): Inserter {
  return {
    insert: async ({ table, chunks }) => {
      const { stream } = await client.exec({
        query: `INSERT INTO ${database}.${table} ${SETTINGS} FORMAT Native`,
        values: Readable.from(chunks, { objectMode: false }),
      })
      await stream.resume().toArray()
    },
    close: async () => {},
  }
}

/** Column types by table, read once from the engine. */
type Structures = Map<string, string>

/** Inserts into the embedded engine, which reads binary rows from a file only. */
export async function embeddedInserter(client: ClickHouseClient, database: string): Promise<Inserter> {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-collector-'))
  const structures: Structures = new Map()
  return {
    insert: async ({ table, chunks }) => {
      const path = join(directory, `${table}-${randomUUID()}.native`)
      const file = await open(path, 'w')
      try {
        try {
          await file.writev([...chunks])
        } finally {
          await file.close()
        }
        const structure = structures.get(table) ?? (await describe(client, database, table))
        structures.set(table, structure)
        await client.command({
          query: `INSERT INTO ${database}.${table} SELECT * FROM file('${path}', 'Native', '${structure}') ${SETTINGS}`,
        })
      } finally {
        await rm(path, { force: true })
      }
    },
    close: () => rm(directory, { recursive: true, force: true }),
  }
}

/** The table's columns as the `file` function wants them, quoted for a literal. */
async function describe(client: ClickHouseClient, database: string, table: string): Promise<string> {
  const result = await client.query({ query: `DESCRIBE TABLE ${database}.${table}`, format: 'JSONEachRow' })
  const columns = await result.json<{ name: string; type: string }>()
  return columns
    .map(({ name, type }) => `\`${name}\` ${type}`)
    .join(', ')
    .replaceAll("'", "\\'")
}
