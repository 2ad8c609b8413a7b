import type { ClickHouseClient } from '@clickhouse/client'
import { ok, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { Archive, Hex } from '../ports.ts'
import type { Quarantine } from '../quarantine/ports.ts'
import { createArchive } from './archive.ts'
import type { ClickHouseFactory } from './connect.ts'
import { storeFault } from './fault.ts'
import { findForks } from './forks.ts'
import { embeddedInserter, serverInserter } from './insert.ts'
import { migrateClickHouse } from './migrate.ts'
import { countOpen, createQuarantine } from './quarantine.ts'
import type { Topology } from './topology.ts'

/** The archive with its clients. */
export interface ClickHouseStore {
  readonly archive: Archive
  readonly quarantine: Quarantine
  /** How many batches in quarantine wait for a decision. */
  countOpen(): Promise<Result<number>>
  /** Whether the store answers. */
  ping(): Promise<Result<void>>
  /** As findForks. */
  forks(agentIds: readonly Hex[], sinceMs: number): Promise<Result<readonly Hex[]>>
  close(): Promise<void>
}

/** Opens clients for writing, reading and probing, and migrates. Throws a FaultError: STORE_…, DISK_FULL. */
export async function openStore(
  factory: ClickHouseFactory,
  options: { readonly database: string; readonly embedded: boolean; readonly topology: Topology },
): Promise<ClickHouseStore> {
  const { database, embedded, topology } = options
  const clients: ClickHouseClient[] = []
  const open = async (): Promise<ClickHouseClient> => {
    const client = await factory()
    clients.push(client)
    return client
  }
  try {
    const inserting = await open()
    unwrap(await migrateClickHouse(inserting, database, topology))
    const writer = embedded
      ? await embeddedInserter(inserting, database)
      : serverInserter(inserting, database, topology)
    const [reader, prober, auditor] = [await open(), await open(), await open()]
    return {
      archive: createArchive({ writer, reader, database, topology }),
      quarantine: createQuarantine(reader, writer, database),
      countOpen: () => countOpen(prober, database),
      ping: () => ping(prober),
      forks: (agentIds, sinceMs) => findForks(auditor, database, agentIds, sinceMs),
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
