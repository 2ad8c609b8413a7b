import { join } from 'node:path'
import { ClickHouseLogLevel, createClient } from '@clickhouse/client'
import type { ClickHouseClient } from '@clickhouse/client'

/** Opens one more client. A client of the embedded engine runs one query at a time. */
export type ClickHouseFactory = () => ClickHouseClient | Promise<ClickHouseClient>

/** Directory of the embedded engine inside the data directory. */
export const ENGINE_DIRECTORY = 'clickhouse'
const REQUEST_TIMEOUT_MS = 60_000

type Connection = NonNullable<NonNullable<Parameters<typeof createClient>[0]>['connection']>

/** Opens clients of the configured ClickHouse: a server by URL, else the engine in this process. */
export function clickhouseFactory(config: {
  readonly clickhouseUrl: string | undefined
  readonly dataDir: string | undefined
}): ClickHouseFactory {
  const { clickhouseUrl: url, dataDir } = config
  // All SQL names its database, which may not exist yet: none is set here.
  // Its errors come to us as faults; the client's own log would say them twice, and not as JSON.
  const log = { level: ClickHouseLogLevel.OFF }
  if (url !== undefined) return () => createClient({ url, request_timeout: REQUEST_TIMEOUT_MS, log })
  if (dataDir === undefined) throw new Error('neither a server nor a directory is configured')
  const path = join(dataDir, ENGINE_DIRECTORY)
  return async () => {
    // Loaded only where it is used: the engine's library alone is a hundred megabytes in memory.
    const { createChdbConnection } = await import('chdb/connection')
    // The two packages declare the same interface separately, so their types cannot meet without a cast.
    return createClient({ connection: createChdbConnection({ path }) as unknown as Connection })
  }
}
