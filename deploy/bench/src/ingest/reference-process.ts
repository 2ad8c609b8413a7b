/** The raw engine: inserts ready files into the collector's tables, those of one message at a time. */
import { openEngine } from '@vouch/clickhouse'
import { migrateClickHouse } from '@vouch/collector/clickhouse/migrate.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { DONE } from '../child.ts'
import type { ReadyFile } from './reference.ts'

const DATABASE = 'vouch'
const engine = unwrap(await openEngine(process.env['VOUCH_DATA_DIR'] ?? ''))
const client = await engine.connect()
unwrap(await migrateClickHouse(client, DATABASE))
process.on('message', (files: readonly ReadyFile[]) => void insert(files).then(() => process.send?.(DONE)))

async function insert(files: readonly ReadyFile[]): Promise<void> {
  for (const { table, path } of files) {
    await client.command({
      query: `INSERT INTO ${DATABASE}.${table} SELECT * FROM file('${path}', 'Native')
        SETTINGS insert_deduplicate = 0, async_insert = 0`,
    })
  }
}
