import { join } from 'node:path'
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client'

type Connection = NonNullable<NonNullable<Parameters<typeof createClient>[0]>['connection']>

/** Directory of the embedded engine inside the data directory. */
const ENGINE_DIRECTORY = 'clickhouse'
const REQUEST_TIMEOUT_MS = 300_000

/** Opens clients of the configured ClickHouse: a server by URL, else the engine in this process. */
export function clickhouseFactory(config: {
  readonly clickhouseUrl: string | undefined
  readonly dataDir: string | undefined
}): () => ClickHouseClient | Promise<ClickHouseClient> {
  const { clickhouseUrl: url, dataDir } = config
  if (url !== undefined) {
    // Progress headers keep the connection of a long query alive; to a server settings travel per request.
    const settings = { send_progress_in_http_headers: 1, http_headers_progress_interval_ms: '10000' } as const
    // Failures come back as faults and are logged once, by the service.
    const log = { level: ClickHouseLogLevel.OFF }
    return () =>
      createClient({ url, request_timeout: REQUEST_TIMEOUT_MS, clickhouse_settings: settings, log })
  }
  if (dataDir === undefined) throw new Error('neither a server nor a directory is configured')
  const path = join(dataDir, ENGINE_DIRECTORY)
  return async () => {
    // Loaded only where it is used: the engine's library alone is a hundred megabytes in memory.
    const { createChdbConnection } = await import('chdb/connection')
    // The two packages declare the same interface separately, so their types cannot meet without a cast.
    return createClient({ connection: createChdbConnection({ path }) as unknown as Connection })
  }
}
