import { address, isLoopback } from '@vouch/proto/kernel/address.ts'
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
import { PULL_SETTINGS } from './pull-settings.ts'
import { retentionPolicy } from './retention/policy.ts'
import { RETENTION_SETTINGS } from './retention-settings.ts'

const DAY_MS = 86_400_000

const SETTINGS = defineConfig({
  listen: {
    env: 'VOUCH_COLLECTOR_LISTEN',
    describe: 'Address of the gRPC service, host:port; port 0 takes a free one',
    parse: address,
    fallback: '127.0.0.1:7410',
  },
  httpListen: {
    env: 'VOUCH_COLLECTOR_HTTP_LISTEN',
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
    describe: 'Database to fill; created where it is absent',
    parse: text({ pattern: /^[A-Za-z_][A-Za-z0-9_]{0,62}$/ }),
    fallback: 'vouch',
  },
  clickhouseCluster: {
    env: 'VOUCH_CLICKHOUSE_CLUSTER',
    describe: "Cluster of the server's remote_servers to spread the tables over; the server alone where none",
    parse: text({ pattern: /^[A-Za-z_][A-Za-z0-9_]{0,62}$/ }),
    fallback: undefined,
  },
  clickhouseInsertQuorum: {
    env: 'VOUCH_CLICKHOUSE_INSERT_QUORUM',
    describe:
      'Replicas of a shard that hold an insert before its receipt: a number, or auto for the majority',
    parse: text({ pattern: /^(?:auto|[1-9])$/ }),
    fallback: 'auto',
  },
  databaseUrl: {
    env: 'VOUCH_DATABASE_URL',
    describe: 'PostgreSQL with the fleet, postgresql://user:password@host:port/database',
    parse: url(['postgres', 'postgresql']),
    secret: true,
  },
  tls: {
    env: 'VOUCH_TLS',
    describe: 'TLS of the gRPC service and towards agents that are dialled; off on loopback only',
    parse: choice(['on', 'off']),
    fallback: 'on',
  },
  tlsCertFile: {
    env: 'VOUCH_TLS_CERT_FILE',
    describe: 'Certificate chain, PEM; for clients too where agents are dialled',
    parse: path,
    fallback: undefined,
  },
  tlsKeyFile: { env: 'VOUCH_TLS_KEY_FILE', describe: 'Private key, PEM', parse: path, fallback: undefined },
  tlsCaFile: {
    env: 'VOUCH_TLS_CA_FILE',
    describe: 'Authority of the certificates of agents that are dialled, PEM',
    parse: path,
    fallback: undefined,
  },
  logLevel: {
    env: 'VOUCH_LOG_LEVEL',
    describe: 'What is logged',
    parse: choice(['debug', 'info', 'warn', 'error', 'silent']),
    fallback: 'info',
  },
  futureMaxMs: {
    env: 'VOUCH_COLLECTOR_FUTURE_MAX_MS',
    describe: "How far ahead of the collector's clock a reading or a host's clock may be",
    parse: integer({ min: 0, max: DAY_MS }),
    fallback: 300_000,
  },
  ageMaxMs: {
    env: 'VOUCH_COLLECTOR_AGE_MAX_MS',
    describe: 'How old a reading may be',
    parse: integer({ min: 60_000, max: 3_660 * DAY_MS }),
    fallback: 400 * DAY_MS,
  },
  clockBehindWarnMs: {
    env: 'VOUCH_COLLECTOR_CLOCK_BEHIND_WARN_MS',
    describe: "Age of a batch at arrival beyond which the host's clock is doubted",
    parse: integer({ min: 1_000, max: 366 * DAY_MS }),
    fallback: 7_200_000,
  },
  lateAfterMs: {
    env: 'VOUCH_COLLECTOR_LATE_AFTER_MS',
    describe:
      'Age of the newest reading at arrival beyond which a batch counts as late; it is taken all the same',
    parse: integer({ min: 1_000, max: 3_660 * DAY_MS }),
    fallback: 3_600_000,
  },
  batchBytesMax: {
    env: 'VOUCH_COLLECTOR_BATCH_BYTES_MAX',
    describe: 'Largest signed batch',
    parse: integer({ min: 65_536, max: 67_108_864 }),
    fallback: 4_194_304,
  },
  batchRowsMax: {
    env: 'VOUCH_COLLECTOR_BATCH_ROWS_MAX',
    describe: 'Most readings of a batch',
    parse: integer({ min: 1, max: 1_000_000 }),
    fallback: 200_000,
  },
  streamsPerAgentMax: {
    env: 'VOUCH_COLLECTOR_STREAMS_PER_AGENT_MAX',
    describe: 'Most streams (meters of resources) of one agent',
    parse: integer({ min: 1, max: 1_000_000 }),
    fallback: 50_000,
  },
  connectionsMax: {
    env: 'VOUCH_COLLECTOR_CONNECTIONS_MAX',
    describe: 'Most agents connected at once',
    parse: integer({ min: 1, max: 1_000_000 }),
    fallback: 10_000,
  },
  connectionsPerAgentMax: {
    env: 'VOUCH_COLLECTOR_CONNECTIONS_PER_AGENT_MAX',
    describe: 'Most connections of one agent; a newer one replaces the oldest',
    parse: integer({ min: 1, max: 16 }),
    fallback: 2,
  },
  readingsPerAgentPerSMax: {
    env: 'VOUCH_COLLECTOR_READINGS_PER_AGENT_PER_S_MAX',
    describe:
      'Most readings a second of one agent, after those of two seconds at once; beyond it is not read from; 0 = no limit',
    parse: integer({ min: 0, max: 100_000_000 }),
    fallback: 500_000,
  },
  unauthenticatedMax: {
    env: 'VOUCH_COLLECTOR_UNAUTHENTICATED_MAX',
    describe: 'Most sockets whose peer has not shown who it is; a newer one replaces the oldest',
    parse: integer({ min: 1, max: 1_000_000 }),
    fallback: 4_096,
  },
  windowBatches: {
    env: 'VOUCH_COLLECTOR_WINDOW_BATCHES',
    describe: 'Most batches without receipt on a connection',
    parse: integer({ min: 1, max: 1_000 }),
    fallback: 32,
  },
  helloTimeoutMs: {
    env: 'VOUCH_COLLECTOR_HELLO_TIMEOUT_MS',
    describe: 'Time for an agent to answer the challenge',
    parse: integer({ min: 100, max: 600_000 }),
    fallback: 10_000,
  },
  commitWaitMs: {
    env: 'VOUCH_COLLECTOR_COMMIT_WAIT_MS',
    describe: 'Longest time that a batch waits for others before it is stored',
    parse: integer({ min: 0, max: 60_000 }),
    fallback: 250,
  },
  commitRowsMax: {
    env: 'VOUCH_COLLECTOR_COMMIT_ROWS_MAX',
    describe: 'Readings that close an insert',
    parse: integer({ min: 1, max: 10_000_000 }),
    fallback: 1_000_000,
  },
  commitBytesMax: {
    env: 'VOUCH_COLLECTOR_COMMIT_BYTES_MAX',
    describe: 'Bytes that close an insert',
    parse: integer({ min: 65_536, max: 1_073_741_824 }),
    fallback: 67_108_864,
  },
  pendingBytesMax: {
    env: 'VOUCH_COLLECTOR_PENDING_BYTES_MAX',
    describe: 'Bytes taken in and not yet stored; beyond it no agent is read from',
    parse: integer({ min: 65_536, max: 4_294_967_296 }),
    fallback: 134_217_728,
  },
  fleetRefreshMs: {
    env: 'VOUCH_COLLECTOR_FLEET_REFRESH_MS',
    describe: 'How often agents are reported to the registry and checked for revocation',
    parse: integer({ min: 100, max: 600_000 }),
    fallback: 5_000,
  },
  auditGraceMs: {
    env: 'VOUCH_COLLECTOR_AUDIT_GRACE_MS',
    describe: 'Time after the end of a UTC day before its root is signed',
    parse: integer({ min: 0, max: 7 * DAY_MS }),
    fallback: 3_600_000,
  },
  connectionAgeMaxMs: {
    env: 'VOUCH_COLLECTOR_CONNECTION_AGE_MAX_MS',
    describe: 'Life of a connection, 10 % more or less; then the agent dials again, perhaps elsewhere',
    parse: integer({ min: 100, max: 30 * DAY_MS }),
    fallback: 3_600_000,
  },
  drainWaitMs: {
    env: 'VOUCH_COLLECTOR_DRAIN_WAIT_MS',
    describe:
      'At a stop, how long everything goes on while /readyz says UNAVAILABLE, for load balancers to notice',
    parse: integer({ min: 0, max: 600_000 }),
    fallback: 0,
  },
  drainMaxMs: {
    env: 'VOUCH_COLLECTOR_DRAIN_MAX_MS',
    describe: 'Longest time after that to store what was taken in and to send its receipts',
    parse: integer({ min: 100, max: 600_000 }),
    fallback: 20_000,
  },
  silentAfterMs: {
    env: 'VOUCH_COLLECTOR_SILENT_AFTER_MS',
    describe: 'An active agent that did not stop and is not connected for so long is silent: an alarm',
    parse: integer({ min: 1_000, max: 366 * DAY_MS }),
    fallback: 300_000,
  },
  ...PULL_SETTINGS,
  ...RETENTION_SETTINGS,
})

/** Prefixes of other programs' settings, which may stand in the same environment. */
const OTHERS = ['VOUCH_AGENT_', 'VOUCH_BILLING_', 'VOUCH_RATING_']

/** Settings of the collector. */
export type CollectorConfig = Config<typeof SETTINGS>

/** Settings for an operator's command, which serves nobody. Faults: CONFIG_MISSING, CONFIG_INVALID, CONFIG_UNKNOWN_KEY. */
export function readOperatorConfig(
  env: Readonly<Record<string, string | undefined>>,
  file: JsonValue = {},
): Result<CollectorConfig> {
  const config = readConfig(SETTINGS, env, file, OTHERS)
  if (!config.ok) return config
  if (config.value.clickhouseCluster !== undefined && config.value.clickhouseUrl === undefined) {
    return fail('CONFIG_MISSING', 'VOUCH_CLICKHOUSE_CLUSTER is of servers: set VOUCH_CLICKHOUSE_URL to one', {
      pointer: 'VOUCH_CLICKHOUSE_CLUSTER',
    })
  }
  const retention = retentionPolicy(config.value)
  return retention.ok ? config : retention
}

/** Settings for a collector that serves: stores and TLS too. Faults: as above. */
export function readCollectorConfig(
  env: Readonly<Record<string, string | undefined>>,
  file: JsonValue = {},
): Result<CollectorConfig> {
  const config = readOperatorConfig(env, file)
  if (!config.ok) return config
  const { clickhouseUrl, dataDir, listen, tls, tlsCertFile, tlsKeyFile } = config.value
  if (clickhouseUrl === undefined && dataDir === undefined) {
    return fail('CONFIG_MISSING', 'set VOUCH_CLICKHOUSE_URL to a server, or VOUCH_DATA_DIR to a directory')
  }
  if (tls === 'off' && !isLoopback(listen)) {
    return fail('CONFIG_INVALID', `VOUCH_TLS=off is for loopback only, and ${listen} is not`, {
      pointer: 'VOUCH_TLS',
    })
  }
  if (tls === 'on' && (tlsCertFile === undefined || tlsKeyFile === undefined)) {
    return fail(
      'CONFIG_MISSING',
      'set VOUCH_TLS_CERT_FILE and VOUCH_TLS_KEY_FILE, or VOUCH_TLS=off on loopback',
    )
  }
  return config
}

/** The settings as text for --help. */
export function describeCollectorConfig(): string {
  return describeConfig(SETTINGS)
}
