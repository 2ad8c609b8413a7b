import { address } from '@vouch/proto/kernel/address.ts'
import {
  type Config,
  choice,
  defineConfig,
  describeConfig,
  integer,
  path,
  readConfig,
  text,
  url,
} from '@vouch/proto/kernel/config.ts'
import { type Result, fail } from '@vouch/proto/kernel/fault.ts'
import type { JsonValue } from '@vouch/proto/kernel/json.ts'

const SETTINGS = defineConfig({
  listen: {
    env: 'VOUCH_RATING_LISTEN',
    describe: 'Address of the gRPC service, host:port; port 0 takes a free one',
    parse: address,
    fallback: '127.0.0.1:7420',
  },
  httpListen: {
    env: 'VOUCH_RATING_HTTP_LISTEN',
    describe: 'Address of /metrics, /livez and /readyz',
    parse: address,
    fallback: undefined,
  },
  clickhouseUrl: {
    env: 'VOUCH_CLICKHOUSE_URL',
    describe: 'ClickHouse server, http(s)://user:password@host:port',
    parse: url(['http', 'https']),
    fallback: undefined,
    secret: true,
  },
  dataDir: {
    env: 'VOUCH_DATA_DIR',
    describe: 'Directory of the embedded engine, where no server is given',
    parse: path,
    fallback: undefined,
  },
  clickhouseDatabase: {
    env: 'VOUCH_CLICKHOUSE_DATABASE',
    describe: 'Database that the collector fills',
    parse: text({ pattern: /^[A-Za-z_][A-Za-z0-9_]{0,62}$/ }),
    fallback: 'vouch',
  },
  queriesMax: {
    env: 'VOUCH_RATING_QUERIES_MAX',
    describe: 'Queries at once',
    parse: integer({ min: 1, max: 64 }),
    fallback: 2,
  },
  chainLinksMax: {
    env: 'VOUCH_RATING_CHAIN_LINKS_MAX',
    describe: 'Headers that link evidence, per agent and request; a longer stretch is left out',
    parse: integer({ min: 0, max: 1_000_000 }),
    fallback: 100_000,
  },
  tls: {
    env: 'VOUCH_TLS',
    describe: 'TLS of the gRPC service; off on loopback only',
    parse: choice(['on', 'off']),
    fallback: 'on',
  },
  tlsCertFile: {
    env: 'VOUCH_TLS_CERT_FILE',
    describe: 'Certificate chain, PEM',
    parse: path,
    fallback: undefined,
  },
  tlsCaFile: {
    env: 'VOUCH_TLS_CA_FILE',
    describe: 'Certificates that `usage` trusts, PEM; the system has others',
    parse: path,
    fallback: undefined,
  },
  tlsKeyFile: { env: 'VOUCH_TLS_KEY_FILE', describe: 'Private key, PEM', parse: path, fallback: undefined },
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
  'VOUCH_BILLING_',
  'VOUCH_CLICKHOUSE_COLD_VOLUME',
  'VOUCH_CLICKHOUSE_STORAGE_POLICY',
  'VOUCH_COLLECTOR_',
  'VOUCH_DATABASE_',
  'VOUCH_RATING_URL',
]

/** Settings of the rating service. */
export type RatingConfig = Config<typeof SETTINGS>

/** Settings from environment and file. Faults: CONFIG_MISSING, CONFIG_INVALID, CONFIG_UNKNOWN_KEY. */
export function readRatingConfig(
  env: Readonly<Record<string, string | undefined>>,
  file: JsonValue = {},
): Result<RatingConfig> {
  const config = readConfig(SETTINGS, env, file, OTHERS)
  if (!config.ok) return config
  if (config.value.clickhouseUrl === undefined && config.value.dataDir === undefined) {
    return fail('CONFIG_MISSING', 'set VOUCH_CLICKHOUSE_URL to a server, or VOUCH_DATA_DIR to a directory')
  }
  return config
}

/** The settings as text for --help. */
export function describeRatingConfig(): string {
  return describeConfig(SETTINGS)
}
