import { randomUUID } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { ClickHouseClient } from '@clickhouse/client'
import type { TableBlock } from '../ingest/blocks.ts'
import { ONE_NODE, insertSettings } from './topology.ts'
import type { Topology } from './topology.ts'

/** Inserts a block; when it returns, the rows are durable. */
export interface Inserter {
  insert(block: TableBlock): Promise<void>
  close(): Promise<void>
}

/** Inserts over HTTP: the block is the request's body. */
export function serverInserter(client: ClickHouseClient, database: string, topology: Topology): Inserter {
  const settings = insertSettings(topology)
  return {
    insert: async ({ table, columns, chunks }) => {
      const { stream } = await client.exec({
        query: `INSERT INTO ${database}.${table} (${quoted(columns)}) ${settings} FORMAT Native`,
        values: Readable.from(chunks, { objectMode: false }),
      })
      await stream.resume().toArray()
    },
    close: async () => {},
  }
}

/** Inserts into the embedded engine, which reads binary rows from a file only. */
export async function embeddedInserter(client: ClickHouseClient, database: string): Promise<Inserter> {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-collector-'))
  return {
    insert: async ({ table, columns, chunks }) => {
      const path = join(directory, `${table}-${randomUUID()}.native`)
      const file = await open(path, 'w')
      try {
        try {
          await file.writev([...chunks])
        } finally {
          await file.close()
        }
        const names = quoted(columns)
        await client.command({
          query: `INSERT INTO ${database}.${table} (${names}) SELECT ${names} FROM file('${path}', 'Native') ${insertSettings(ONE_NODE)}`,
        })
      } finally {
        await rm(path, { force: true })
      }
    },
    close: () => rm(directory, { recursive: true, force: true }),
  }
}

function quoted(columns: readonly string[]): string {
  return columns.map((name) => `\`${name}\``).join(', ')
}
