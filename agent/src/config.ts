import { address, isLoopback } from '@vouch/proto/kernel/address.ts'
import { hostname } from 'node:os'
import {
  choice,
  choices,
  defineConfig,
  integer,
  list,
  path,
  readConfig,
  text,
} from '@vouch/proto/kernel/config.ts'
import type { Config, SettingParser } from '@vouch/proto/kernel/config.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { parseResourceId } from '@vouch/proto/kernel/id.ts'
import type { JsonValue } from '@vouch/proto/kernel/json.ts'
import { SOURCES } from '@vouch/proto/kernel/source.ts'
import { patterns } from './host/selection.ts'
import { INTERVAL_MAX_MS, INTERVAL_MIN_MS } from './delivery/policy.ts'
import { PULL_SETTINGS, checkPull } from './pull-settings.ts'

const interval = integer({ min: INTERVAL_MIN_MS, max: INTERVAL_MAX_MS })
const listen: SettingParser<string> = (value) => {
  if (isLoopback(value) || /^unix:\/[^\0]{1,100}$/.test(value)) return ok(value)
  return fail(
    'CONFIG_INVALID',
    'must be a loopback address such as 127.0.0.1:7420, or unix: and an absolute path',
  )
}
const pause = integer({ min: 10, max: INTERVAL_MAX_MS })

/** Every setting of the agent. */
export const AGENT_SETTINGS = defineConfig({
  stateDir: {
    env: 'VOUCH_AGENT_STATE_DIR',
    describe: 'directory of the key, the identity and the spool; one agent at a time',
    parse: path,
    fallback: '/var/lib/vouch-agent',
  },
  collector: {
    env: 'VOUCH_AGENT_COLLECTOR',
    describe: 'host:port of the collector',
    parse: address,
    fallback: 'localhost:7410',
  },
  tokenFile: {
    env: 'VOUCH_AGENT_TOKEN_FILE',
    describe: 'file with the enrolment token, "-" for standard input; read only until the agent is enrolled',
    parse: path,
    fallback: undefined,
  },
  tlsCaFile: {
    env: 'VOUCH_TLS_CA_FILE',
    describe: "PEM file of the authority of the collector's certificate, of its client certificate too",
    parse: path,
    fallback: undefined,
  },
  tls: {
    env: 'VOUCH_TLS',
    describe: 'off = no TLS, only towards a loopback address',
    parse: choice(['on', 'off']),
    fallback: 'on',
  },
  ...PULL_SETTINGS,
  cadenceMs: {
    env: 'VOUCH_AGENT_CADENCE_MS',
    describe: 'milliseconds between two looks',
    parse: interval,
    fallback: 10_000,
  },
  batchIntervalMs: {
    env: 'VOUCH_AGENT_BATCH_INTERVAL_MS',
    describe: 'milliseconds between two batches',
    parse: interval,
    fallback: 60_000,
  },
  spoolBytesMax: {
    env: 'VOUCH_AGENT_SPOOL_BYTES_MAX',
    describe: 'octets of batches kept while the collector cannot be reached',
    parse: integer({ min: 65_536, max: 2 ** 40 }),
    fallback: 256 * 2 ** 20,
  },
  spoolAgeMaxMs: {
    env: 'VOUCH_AGENT_SPOOL_AGE_MAX_MS',
    describe: 'age of the oldest batch beyond which no further ones are kept',
    parse: integer({ min: 60_000, max: 366 * 86_400_000 }),
    fallback: 30 * 86_400_000,
  },
  retryBaseMs: {
    env: 'VOUCH_AGENT_RETRY_BASE_MS',
    describe: 'first pause before connecting again, doubled with each failure, drawn evenly from 0 on',
    parse: pause,
    fallback: 500,
  },
  retryMaxMs: {
    env: 'VOUCH_AGENT_RETRY_MAX_MS',
    describe: 'longest pause before connecting again',
    parse: pause,
    fallback: 30_000,
  },
  refusedPauseMs: {
    env: 'VOUCH_AGENT_REFUSED_PAUSE_MS',
    describe: 'pause after a refusal that somebody has to act on',
    parse: pause,
    fallback: 600_000,
  },
  answerTimeoutMs: {
    env: 'VOUCH_AGENT_ANSWER_TIMEOUT_MS',
    describe: 'milliseconds the collector may take to answer',
    parse: pause,
    fallback: 30_000,
  },
  stopTimeoutMs: {
    env: 'VOUCH_AGENT_STOP_TIMEOUT_MS',
    describe: 'milliseconds to wait at a stop for the last receipts; the spool keeps what has none',
    parse: integer({ min: 0, max: 600_000 }),
    fallback: 5000,
  },
  root: {
    env: 'VOUCH_AGENT_ROOT',
    describe: 'where the file tree of the metered host is mounted',
    parse: path,
    fallback: '/',
  },
  scope: {
    env: 'VOUCH_AGENT_SCOPE',
    describe: 'what the host is: auto = the container where it has limits, machine = always the machine',
    parse: choice(['auto', 'machine']),
    fallback: 'auto',
  },
  fileSystemsInclude: {
    env: 'VOUCH_AGENT_FILESYSTEMS_INCLUDE',
    describe: 'meter exactly the file systems at these mount points: patterns joined by commas',
    parse: patterns,
    fallback: undefined,
  },
  fileSystemsExclude: {
    env: 'VOUCH_AGENT_FILESYSTEMS_EXCLUDE',
    describe: 'never meter the file systems at these mount points',
    parse: patterns,
    fallback: undefined,
  },
  interfacesInclude: {
    env: 'VOUCH_AGENT_INTERFACES_INCLUDE',
    describe: 'meter exactly these interfaces: patterns joined by commas',
    parse: patterns,
    fallback: undefined,
  },
  interfacesExclude: {
    env: 'VOUCH_AGENT_INTERFACES_EXCLUDE',
    describe: 'never meter these interfaces',
    parse: patterns,
    fallback: undefined,
  },
  resource: {
    env: 'VOUCH_AGENT_RESOURCE',
    describe: 'resource id of the host, where the one derived from /etc/machine-id is a clone',
    parse: parseResourceId,
    fallback: undefined,
  },
  label: {
    env: 'VOUCH_AGENT_LABEL',
    describe: 'name of the host for people',
    parse: text({ max: 200 }),
    fallback: hostname(),
  },
  metricsListen: {
    env: 'VOUCH_AGENT_METRICS_LISTEN',
    describe: 'host:port of /metrics, /livez and /readyz',
    parse: address,
    fallback: undefined,
  },
  sources: {
    env: 'VOUCH_AGENT_SOURCES',
    describe: `what may be metered, joined by commas: ${SOURCES.join(', ')}; a policy may leave some out`,
    parse: choices(SOURCES),
    fallback: ['host'],
  },
  dockerSocket: {
    env: 'VOUCH_AGENT_DOCKER_SOCKET',
    describe: 'socket of the container engine; who may use it is root on the host',
    parse: path,
    fallback: '/var/run/docker.sock',
  },
  dockerProxySocket: {
    env: 'VOUCH_AGENT_DOCKER_PROXY_SOCKET',
    describe: 'where docker-proxy listens, for its owner and group',
    parse: path,
    fallback: '/run/vouch-docker-proxy/docker.sock',
  },
  dockerLabels: {
    env: 'VOUCH_AGENT_DOCKER_LABELS',
    describe: 'labels of containers that become attributes of their streams, joined by commas',
    parse: list({ max: 24 }),
    fallback: [],
  },
  eventsListen: {
    env: 'VOUCH_AGENT_EVENTS_LISTEN',
    describe:
      'where events are taken: a loopback address such as 127.0.0.1:7420, or unix: and an absolute path',
    parse: listen,
    fallback: undefined,
  },
  eventsFile: {
    env: 'VOUCH_AGENT_EVENTS_FILE',
    describe: 'YAML file that declares what each type of event counts',
    parse: path,
    fallback: undefined,
  },
  eventsWindowMs: {
    env: 'VOUCH_AGENT_EVENTS_WINDOW_MS',
    describe: 'how long a repeated event is known as such; an event with an older time is refused',
    parse: integer({ min: 1000, max: 366 * 86_400_000 }),
    fallback: 86_400_000,
  },
  eventsIdsMax: {
    env: 'VOUCH_AGENT_EVENTS_IDS_MAX',
    describe: 'events known at once; beyond, what repetitions are known of is shorter than the window',
    parse: integer({ min: 1000, max: 1e9 }),
    fallback: 2_000_000,
  },
  eventsStreamsMax: {
    env: 'VOUCH_AGENT_EVENTS_STREAMS_MAX',
    describe: 'counters that events may make; an event that needs one more is refused',
    parse: integer({ min: 1, max: 100_000 }),
    fallback: 1000,
  },
  eventsBodyBytesMax: {
    env: 'VOUCH_AGENT_EVENTS_BODY_BYTES_MAX',
    describe: 'octets of the largest request with events',
    parse: integer({ min: 1024, max: 64 * 2 ** 20 }),
    fallback: 4 * 2 ** 20,
  },
  snmpFile: {
    env: 'VOUCH_AGENT_SNMP_FILE',
    describe: 'YAML file of the devices that the source snmp asks',
    parse: path,
    fallback: undefined,
  },
  keyAgeMaxMs: {
    env: 'VOUCH_AGENT_KEY_AGE_MAX_MS',
    describe: 'how old the key may become before the running agent replaces it',
    parse: integer({ min: 60_000, max: 3660 * 86_400_000 }),
    fallback: 30 * 86_400_000,
  },
  cadenceMinMs: {
    env: 'VOUCH_AGENT_CADENCE_MIN_MS',
    describe: 'the shortest cadence that a policy may ask for',
    parse: interval,
    fallback: 1000,
  },
  logLevel: {
    env: 'VOUCH_LOG_LEVEL',
    describe: 'least severe messages logged',
    parse: choice(['debug', 'info', 'warn', 'error', 'silent']),
    fallback: 'info',
  },
})

/** The agent's validated settings. */
export type AgentConfig = Config<typeof AGENT_SETTINGS>

/** Variables that belong to other programs on the same host. */
const OTHERS = [
  'VOUCH_COLLECTOR',
  'VOUCH_RATING',
  'VOUCH_BILLING',
  'VOUCH_CLICKHOUSE',
  'VOUCH_DATABASE',
  'VOUCH_TLS_',
]

/**
 * Reads the settings from an environment and the content of a configuration file. Faults: CONFIG_MISSING,
 * CONFIG_INVALID (TLS off towards another host, too), CONFIG_UNKNOWN_KEY.
 */
export function readAgentConfig(
  env: Readonly<Record<string, string | undefined>>,
  file: JsonValue = {},
): Result<AgentConfig> {
  const config = readConfig(AGENT_SETTINGS, env, file, OTHERS)
  if (!config.ok) return config
  const { collector, tls } = config.value
  if (tls === 'off' && !isLoopback(collector)) {
    const why = `VOUCH_TLS=off is for a loopback address, not for ${collector}`
    return fail('CONFIG_INVALID', why, { pointer: 'VOUCH_TLS' })
  }
  const pulled = checkPull(config.value)
  return pulled.ok ? config : pulled
}
