import { address, isLoopback } from '@vouch/proto/kernel/address.ts'
import {
  choice,
  defineConfig,
  describeConfig,
  integer,
  path,
  readConfig,
  text,
  url,
} from '@vouch/proto/kernel/config.ts'
import type { Config } from '@vouch/proto/kernel/config.ts'
import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { JsonValue } from '@vouch/proto/kernel/json.ts'

const SETTINGS = defineConfig({
  listen: {
    env: 'VOUCH_BILLING_LISTEN',
    describe: 'Address of the HTTP interface, host:port; port 0 takes a free one',
    parse: address,
    fallback: '127.0.0.1:7430',
  },
  databaseUrl: {
    env: 'VOUCH_DATABASE_URL',
    describe: 'PostgreSQL, postgres://user:password@host:port/database',
    parse: url(['postgres', 'postgresql']),
    secret: true,
  },
  databaseConnectionsMax: {
    env: 'VOUCH_BILLING_DATABASE_CONNECTIONS_MAX',
    describe: 'Connections to PostgreSQL at once',
    parse: integer({ min: 2, max: 200 }),
    fallback: 10,
  },
  ratingUrl: {
    env: 'VOUCH_RATING_URL',
    describe: 'Address of the rating service, host:port',
    parse: address,
    fallback: '127.0.0.1:7420',
  },
  ratingDeadlineMs: {
    env: 'VOUCH_BILLING_RATING_DEADLINE_MS',
    describe: 'Longest wait for an answer of rating, milliseconds',
    parse: integer({ min: 100, max: 3_600_000 }),
    fallback: 120_000,
  },
  evidenceBytesMax: {
    env: 'VOUCH_BILLING_EVIDENCE_BYTES_MAX',
    describe: 'Largest evidence of one invoice, bytes',
    parse: integer({ min: 1_000_000, max: 300_000_000 }),
    fallback: 128_000_000,
  },
  documentRetentionDays: {
    env: 'VOUCH_BILLING_DOCUMENT_RETENTION_DAYS',
    describe: 'Days after the year of issue for which the evidence of an invoice is kept',
    parse: integer({ min: 1, max: 18_262 }),
    fallback: 3_653,
  },
  sellerId: {
    env: 'VOUCH_BILLING_SELLER_ID',
    describe: 'Id of who asks for money',
    parse: text({ max: 64, pattern: /^[a-z0-9][a-z0-9._-]*$/ }),
    fallback: 'seller',
  },
  sellerName: {
    env: 'VOUCH_BILLING_SELLER_NAME',
    describe: 'Name of who asks for money, as on invoices',
    parse: text({ max: 200, pattern: /^\S.*$/ }),
    fallback: 'Vouch',
  },
  issuerKeyFile: {
    env: 'VOUCH_BILLING_ISSUER_KEY_FILE',
    describe: 'Key that seals proofs; made, for its owner only, when absent',
    parse: path,
    fallback: 'issuer.key',
  },
  tls: {
    env: 'VOUCH_TLS',
    describe: 'TLS here and toward rating; off on loopback only',
    parse: choice(['on', 'off']),
    fallback: 'on',
  },
  tlsCertFile: {
    env: 'VOUCH_TLS_CERT_FILE',
    describe: 'Certificate chain, PEM',
    parse: path,
    fallback: undefined,
  },
  tlsKeyFile: { env: 'VOUCH_TLS_KEY_FILE', describe: 'Private key, PEM', parse: path, fallback: undefined },
  tlsCaFile: {
    env: 'VOUCH_TLS_CA_FILE',
    describe: "Certificates that rating's is checked against, PEM; the system's if absent",
    parse: path,
    fallback: undefined,
  },
  logLevel: {
    env: 'VOUCH_LOG_LEVEL',
    describe: 'What is logged',
    parse: choice(['debug', 'info', 'warn', 'error', 'silent']),
    fallback: 'info',
  },
})

/** Prefixes of other programs' settings, which may stand in the same environment. */
const OTHERS = [
  'VOUCH_AGENT_',
  'VOUCH_CLICKHOUSE_',
  'VOUCH_COLLECTOR_',
  'VOUCH_DATA_DIR',
  'VOUCH_RATING_',
  'VOUCH_TEST_',
]

/** Settings of the billing service. */
export type BillingConfig = Config<typeof SETTINGS>

/**
 * Settings from environment and file. Faults: CONFIG_MISSING, CONFIG_INVALID, CONFIG_UNKNOWN_KEY.
 */
export function readBillingConfig(
  env: Readonly<Record<string, string | undefined>>,
  file: JsonValue = {},
): Result<BillingConfig> {
  const config = readConfig(SETTINGS, env, file, OTHERS)
  if (!config.ok) return config
  const { tls, tlsCertFile, tlsKeyFile, listen, ratingUrl } = config.value
  if (tls === 'on' && (tlsCertFile === undefined || tlsKeyFile === undefined)) {
    return fail(
      'CONFIG_MISSING',
      'set VOUCH_TLS_CERT_FILE and VOUCH_TLS_KEY_FILE, or VOUCH_TLS=off on loopback',
    )
  }
  const open = [listen, ratingUrl].find((place) => !isLoopback(place))
  if (tls === 'off' && open !== undefined) {
    return fail('CONFIG_INVALID', `VOUCH_TLS=off is for loopback only, and ${open} is not`, {
      pointer: 'VOUCH_TLS',
    })
  }
  return config
}

/** The settings as text for --help. */
export function describeBillingConfig(): string {
  return describeConfig(SETTINGS)
}
