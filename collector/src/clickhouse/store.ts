import type { ClickHouseClient } from '@clickhouse/client'
import { ok, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { DayStore } from '../audit/day-store.ts'
import type { Archive } from '../ports.ts'
import { createArchive } from './archive.ts'
import type { ClickHouseFactory } from './connect.ts'
import { createDayStore } from './day-store.ts'
import { storeFault } from './fault.ts'
import { embeddedInserter, serverInserter } from './insert.ts'
import { migrateClickHouse } from './migrate.ts'

/** The archive with its clients. */
export interface ClickHouseStore {
  readonly archive: Archive
  readonly days: DayStore
  /** Whether the store answers. */
  ping(): Promise<Result<void>>
  close(): Promise<void>
}

/** Opens clients for writing, reading and probing, and migrates. Throws a FaultError: STORE_…, DISK_FULL. */
export async function openStore(
  factory: ClickHouseFactory,
  options: { readonly database: string; readonly embedded: boolean },
): Promise<ClickHouseStore> {
  const { database, embedded } = options
  const clients: ClickHouseClient[] = []
  const open = async (): Promise<ClickHouseClient> => {
    const client = await factory()
    clients.push(client)
    return client
  }
  try {
    const inserting = await open()
    unwrap(await migrateClickHouse(inserting, database))
    const writer = embedded
      ? await embeddedInserter(inserting, database)
      : serverInserter(inserting, database)
    const [reader, prober] = [await open(), await open()]
    return {
      archive: createArchive({ writer, reader, database }),
      days: createDayStore(await open(), database),
      ping: () => ping(prober),
      close: async () => {
        await writer.close()
        await Promise.all(clients.map((client) => client.close()))
      },
    }
  } catch (error) {
    await Promise.all(clients.map((client) => client.close()))
    throw error
  }
}

async function ping(client: ClickHouseClient): Promise<Result<void>> {
  try {
    await client.command({ query: 'SELECT 1' })
    return ok(undefined)
  } catch (error) {
    return storeFault(error)
  }
}
