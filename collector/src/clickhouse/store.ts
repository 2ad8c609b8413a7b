import type { ClickHouseClient } from '@clickhouse/client'
import { ok, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { Archive, Logger } from '../ports.ts'
import type { RetentionPolicy } from '../retention/policy.ts'
import { createArchive } from './archive.ts'
import type { ClickHouseFactory } from './connect.ts'
import { storeFault } from './fault.ts'
import { embeddedInserter, serverInserter } from './insert.ts'
import { migrateClickHouse } from './migrate.ts'
import { applyRetention } from './retention.ts'

/** The archive with its clients. */
export interface ClickHouseStore {
  readonly archive: Archive
  /** Whether the store answers. */
  ping(): Promise<Result<void>>
  close(): Promise<void>
}

/** Opens clients for writing, reading and probing, migrates, and brings retention to the policy. Throws a FaultError: STORE_…, DISK_FULL. */
export async function openStore(
  factory: ClickHouseFactory,
  options: {
    readonly database: string
    readonly embedded: boolean
    readonly retention: RetentionPolicy
    readonly logger: Logger
  },
): Promise<ClickHouseStore> {
  const { database, embedded, retention, logger } = options
  const clients: ClickHouseClient[] = []
  const open = async (): Promise<ClickHouseClient> => {
    const client = await factory()
    clients.push(client)
    return client
  }
  try {
    const inserting = await open()
    unwrap(await migrateClickHouse(inserting, database))
    unwrap(await applyRetention(inserting, database, retention, logger))
    const writer = embedded
      ? await embeddedInserter(inserting, database)
      : serverInserter(inserting, database)
    const [reader, prober] = [await open(), await open()]
    return {
      archive: createArchive({ writer, reader, database }),
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
