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
import { address } from '@vouch/proto/kernel/address.ts'
import type { Config } from '@vouch/proto/kernel/config.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'

const SETTINGS = defineConfig({
  dataDir: {
    env: 'VOUCH_DATA_DIR',
    describe: 'Directory of everything that is kept',
    parse: path,
    fallback: '.vouch',
  },
  clickhouseUrl: {
    env: 'VOUCH_CLICKHOUSE_URL',
    describe: 'ClickHouse server, http(s)://user:password@host:port, instead of the embedded engine',
    parse: url(['http', 'https']),
    fallback: undefined,
    secret: true,
  },
  databaseUrl: {
    env: 'VOUCH_DATABASE_URL',
    describe: 'PostgreSQL server, postgres://user:password@host:port/database, instead of the embedded one',
    parse: url(['postgres', 'postgresql']),
    fallback: undefined,
    secret: true,
  },
  collectorListen: {
    env: 'VOUCH_COLLECTOR_LISTEN',
    describe: 'Address for agents, gRPC over TLS; port 0 takes a free one',
    parse: address,
    fallback: '127.0.0.1:7410',
  },
  billingListen: {
    env: 'VOUCH_BILLING_LISTEN',
    describe: 'Address of the REST API; port 0 takes a free one',
    parse: address,
    fallback: '127.0.0.1:7430',
  },
  tlsNames: {
    env: 'VOUCH_TLS_NAMES',
    describe: 'Names and addresses, by comma, under which agents reach the collector',
    parse: text({ pattern: /^[A-Za-z0-9.:-]+(,[A-Za-z0-9.:-]+)*$/ }),
    fallback: 'localhost,127.0.0.1',
  },
  cadenceMs: {
    env: 'VOUCH_AGENT_CADENCE_MS',
    describe: 'Time between samples of this machine, milliseconds',
    parse: integer({ min: 100, max: 3_600_000 }),
    fallback: 10_000,
  },
  onceMeterMs: {
    env: 'VOUCH_ONCE_METER_MS',
    describe: 'How long --once meters before it bills, milliseconds',
    parse: integer({ min: 2_000, max: 3_600_000 }),
    fallback: 20_000,
  },
  logLevel: {
    env: 'VOUCH_LOG_LEVEL',
    describe: 'What is logged, to standard error',
    parse: choice(['debug', 'info', 'warn', 'error', 'silent']),
    fallback: 'warn',
  },
})

/** Settings of the standalone. */
export type Settings = Config<typeof SETTINGS>

/**
 * Settings from the environment; those that begin as `others` do are of another program.
 * Faults: CONFIG_INVALID, CONFIG_UNKNOWN_KEY.
 */
export function readSettings(
  env: Readonly<Record<string, string | undefined>>,
  others: readonly string[] = [],
): Result<Settings> {
  return readConfig(SETTINGS, env, {}, others)
}

/** The settings as text for --help. */
export function describeSettings(): string {
  return describeConfig(SETTINGS)
}
