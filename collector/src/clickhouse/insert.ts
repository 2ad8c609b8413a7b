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
  return {
    insert: async (block) => {
      const { stream } = await client.exec({
        query: `${insertInto(database, block, topology)} FORMAT Native`,
        values: Readable.from(block.chunks, { objectMode: false }),
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
    insert: async (block) => {
      const path = join(directory, `${block.table}-${randomUUID()}.native`)
      try {
        await writeWhole(path, block.chunks)
        const query = `${insertInto(database, block, ONE_NODE)} SELECT ${namesOf(block)} FROM file('${path}', 'Native')`
        await client.command({ query })
      } finally {
        await rm(path, { force: true })
      }
    },
    close: () => rm(directory, { recursive: true, force: true }),
  }
}

/** A disk that fills up takes a part of the bytes and says so only by their number. */
async function writeWhole(path: string, chunks: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, 'w')
  try {
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    const { bytesWritten } = await file.writev([...chunks])
    if (bytesWritten < bytes)
      throw Object.assign(new Error(`ENOSPC: no space left on device, write ${path}`), { code: 'ENOSPC' })
  } finally {
    await file.close()
  }
}

function insertInto(database: string, block: TableBlock, topology: Topology): string {
  return `INSERT INTO ${database}.${block.table} (${namesOf(block)}) ${insertSettings(topology)}`
}

function namesOf({ columns }: TableBlock): string {
  return columns.map(({ name }) => `\`${name}\``).join(', ')
}
