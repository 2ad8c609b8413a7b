import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClickHouseClient } from '@clickhouse/client'
import { createBilling, readBillingConfig } from '@vouch/billing-api/index.ts'
import { readCollectorConfig } from '@vouch/collector/config.ts'
import { createCollector } from '@vouch/collector/index.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { createRating, readRatingConfig } from '@vouch/rating/index.ts'
import { restAt } from '@vouch/standalone/rest.ts'
import type { Rest } from '@vouch/standalone/rest.ts'
import { pino } from 'pino'

/** Real stores, as the services' settings name them. */
export interface Stores {
  readonly postgresUrl: string
  /** Opens one more ClickHouse client. */
  readonly clickhouse: () => ClickHouseClient | Promise<ClickHouseClient>
  /** Which ClickHouse, in environment variables. */
  readonly clickhouseSettings: Readonly<Record<string, string>>
  dispose(): Promise<void>
}

/** Every service on real stores, on loopback. */
export interface Services {
  readonly directory: string
  readonly collectorAddress: string
  readonly rest: Rest
  readonly issuerPublicKey: string
  createToken(): Promise<string>
  stop(): Promise<void>
}

const logger = pino({ level: 'error' }, pino.destination(2))
const PLAIN = { VOUCH_TLS: 'off' }
const LOOPBACK = '127.0.0.1:0'
const TEN_YEARS_MS = 10 * 366 * 86_400_000
const TOKEN_TTL_MS = 60_000

/** Starts collector, rating and billing, each through its own configuration. */
export async function startServices(stores: Stores): Promise<Services> {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-e2e-'))
  const { clickhouse, clickhouseSettings, postgresUrl } = stores
  const database = { VOUCH_DATABASE_URL: postgresUrl }
  const collectorConfig = {
    ...PLAIN,
    ...database,
    ...clickhouseSettings,
    VOUCH_COLLECTOR_LISTEN: LOOPBACK,
    VOUCH_COLLECTOR_AGE_MAX_MS: String(TEN_YEARS_MS),
  }
  const config = unwrap(readCollectorConfig(collectorConfig))
  const collector = createCollector({ config, clickhouse, postgresUrl, logger })
  const { address: collectorAddress } = await collector.start()
  const ratingConfig = { ...PLAIN, ...clickhouseSettings, VOUCH_RATING_LISTEN: LOOPBACK }
  const rating = createRating({ config: unwrap(readRatingConfig(ratingConfig)), clickhouse, logger })
  const { address: ratingUrl } = await rating.start()
  const billingConfig = {
    ...PLAIN,
    ...database,
    VOUCH_BILLING_LISTEN: LOOPBACK,
    VOUCH_RATING_URL: ratingUrl,
    VOUCH_BILLING_ISSUER_KEY_FILE: join(directory, 'issuer.key'),
  }
  const billing = createBilling({ config: unwrap(readBillingConfig(billingConfig)), logger })
  const { address: billingUrl, issuerPublicKey } = await billing.start()
  const { secret } = await billing.createApiKey({ name: 'e2e', scopes: ['read', 'write', 'issue', 'admin'] })
  return {
    directory,
    collectorAddress,
    rest: restAt(billingUrl, secret),
    issuerPublicKey: issuerPublicKey.toHex(),
    createToken: () => collector.tokens.create({ ttlMs: TOKEN_TTL_MS }),
    stop: async () => {
      for (const service of [billing, rating, collector]) await service.stop()
      await stores.dispose()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
