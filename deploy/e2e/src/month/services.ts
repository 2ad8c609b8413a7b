import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBilling, readBillingConfig } from '@vouch/billing-api/index.ts'
import { createTestEngine } from '@vouch/clickhouse'
import { readCollectorConfig } from '@vouch/collector/config.ts'
import { createCollector } from '@vouch/collector/index.ts'
import { createTestDatabase } from '@vouch/postgres'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { createRating, readRatingConfig } from '@vouch/rating/index.ts'
import { restAt } from '@vouch/standalone/rest.ts'
import type { Rest } from '@vouch/standalone/rest.ts'
import { pino } from 'pino'

/** Every service on real stores, on loopback. */
export interface Services {
  readonly directory: string
  readonly collectorAddress: string
  readonly rest: Rest
  readonly issuerPublicKey: string
  createToken(): Promise<string>
  stop(): Promise<void>
}

const quiet = pino({ level: 'error' }, pino.destination(2))
const PLAIN = { VOUCH_TLS: 'off' }
const LOOPBACK = '127.0.0.1:0'
const TEN_YEARS_MS = 10 * 366 * 86_400_000
const TOKEN_TTL_MS = 60_000

/** Starts collector, rating and billing, each through its own configuration. */
export async function startServices(): Promise<Services> {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-month-'))
  const engine = await createTestEngine()
  const postgres = await createTestDatabase()
  const stores = { VOUCH_DATABASE_URL: postgres.url }
  const clickhouse = { VOUCH_DATA_DIR: directory, VOUCH_CLICKHOUSE_DATABASE: engine.database }
  const collectorConfig = {
    ...PLAIN,
    ...stores,
    ...clickhouse,
    VOUCH_COLLECTOR_LISTEN: LOOPBACK,
    VOUCH_COLLECTOR_AGE_MAX_MS: String(TEN_YEARS_MS),
  }
  const collector = createCollector({
    config: unwrap(readCollectorConfig(collectorConfig)),
    clickhouse: engine.connect,
    postgresUrl: postgres.url,
    logger: quiet,
  })
  const { address: collectorAddress } = await collector.start()
  const ratingConfig = unwrap(readRatingConfig({ ...PLAIN, ...clickhouse, VOUCH_RATING_LISTEN: LOOPBACK }))
  const rating = createRating({ config: ratingConfig, clickhouse: engine.connect, logger: quiet })
  const { address: ratingUrl } = await rating.start()
  const billingConfig = {
    ...PLAIN,
    ...stores,
    VOUCH_BILLING_LISTEN: LOOPBACK,
    VOUCH_RATING_URL: ratingUrl,
    VOUCH_BILLING_ISSUER_KEY_FILE: join(directory, 'issuer.key'),
  }
  const billing = createBilling({ config: unwrap(readBillingConfig(billingConfig)), logger: quiet })
  const { address: billingUrl, issuerPublicKey } = await billing.start()
  const { secret } = await billing.createApiKey({
    name: 'month',
    scopes: ['read', 'write', 'issue', 'admin'],
  })
  return {
    directory,
    collectorAddress,
    rest: restAt(billingUrl, secret),
    issuerPublicKey: issuerPublicKey.toHex(),
    createToken: () => collector.tokens.create({ ttlMs: TOKEN_TTL_MS }),
    stop: async () => {
      await billing.stop()
      await rating.stop()
      await collector.stop()
      await engine.dispose()
      await postgres.dispose()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
