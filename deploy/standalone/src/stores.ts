import { createClient } from '@clickhouse/client'
import type { ClickHouseClient } from '@clickhouse/client'
import { openEngine } from '@vouch/clickhouse'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { DataDirectory } from './data-directory.ts'
import { startPostgresIn } from './postgres-home.ts'
import type { Settings } from './settings.ts'

/** Both stores, embedded or servers. */
export interface Stores {
  /** Opens one more ClickHouse client. */
  readonly clickhouse: () => ClickHouseClient | Promise<ClickHouseClient>
  readonly postgresUrl: string
  /** Closes what is embedded. */
  stop(): Promise<void>
}

/** One of them. */
interface Store<T> {
  readonly value: T
  stop(): Promise<void>
}

const REQUEST_TIMEOUT_MS = 300_000

/**
 * Opens the stores that the settings name: a URL is a server, none the engine in the data directory.
 * Faults: DATA_DIRECTORY_LOCKED, DATA_DIRECTORY_UNWRITABLE, DATA_DIRECTORY_NEWER, UNSUPPORTED.
 */
export async function openStores(settings: Settings, directory: DataDirectory): Promise<Result<Stores>> {
  const postgres = await openPostgres(settings, directory)
  if (!postgres.ok) return postgres
  const clickhouse = await openClickHouse(settings, directory)
  if (!clickhouse.ok) {
    await postgres.value.stop()
    return clickhouse
  }
  return ok({
    clickhouse: clickhouse.value.value,
    postgresUrl: postgres.value.value,
    stop: async () => {
      await clickhouse.value.stop()
      await postgres.value.stop()
    },
  })
}

/** PostgreSQL by its URL: a server that the settings name, else the one in the data directory. Faults: as above. */
export async function openPostgres(
  settings: Settings,
  directory: DataDirectory,
): Promise<Result<Store<string>>> {
  if (settings.databaseUrl !== undefined) return ok({ value: settings.databaseUrl, stop: async () => {} })
  const server = await startPostgresIn(directory)
  return server.ok ? ok({ value: server.value.url, stop: server.value.stop }) : server
}

async function openClickHouse(
  settings: Settings,
  directory: DataDirectory,
): Promise<Result<Store<Stores['clickhouse']>>> {
  const url = settings.clickhouseUrl
  if (url !== undefined) {
    return ok({
      value: () => createClient({ url, request_timeout: REQUEST_TIMEOUT_MS }),
      stop: async () => {},
    })
  }
  const engine = await openEngine(directory.at('clickhouse'))
  return engine.ok ? ok({ value: () => engine.value.connect(), stop: engine.value.close }) : engine
}
