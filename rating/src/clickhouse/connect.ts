import { join } from 'node:path'
import { type ClickHouseClient, createClient } from '@clickhouse/client'
import { createChdbConnection } from 'chdb/connection'

type Connection = NonNullable<NonNullable<Parameters<typeof createClient>[0]>['connection']>

/** Directory of the embedded engine inside the data directory. */
const ENGINE_DIRECTORY = 'clickhouse'
const REQUEST_TIMEOUT_MS = 300_000

/** Opens clients of the configured ClickHouse: a server by URL, else the engine in this process. */
export function clickhouseFactory(config: {
  readonly clickhouseUrl: string | undefined
  readonly dataDir: string | undefined
}): () => ClickHouseClient {
  const { clickhouseUrl: url, dataDir } = config
  if (url !== undefined) return () => createClient({ url, request_timeout: REQUEST_TIMEOUT_MS })
  if (dataDir === undefined) throw new Error('neither a server nor a directory is configured')
  const path = join(dataDir, ENGINE_DIRECTORY)
  // The two packages declare the same interface separately, so their types cannot meet without a cast.
  return () => createClient({ connection: createChdbConnection({ path }) as unknown as Connection })
}
