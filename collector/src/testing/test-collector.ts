import { createTestEngine } from '@vouch/clickhouse'
import { createTestDatabase } from '@vouch/postgres'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import type { ClickHouseFactory } from '../clickhouse/connect.ts'
import { SYSTEM_CLOCK } from '../clock.ts'
import { readCollectorConfig } from '../config.ts'
import type { CollectorConfig } from '../config.ts'
import { createCollector } from '../index.ts'
import type { Collector } from '../index.ts'
import type { Archive, Logger } from '../ports.ts'
import { TestConnection, enrolAgent } from './test-agent.ts'
import type { TestAgent } from './test-agent.ts'

/** Says nothing. */
export const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** A collector on real stores, for one suite. */
export interface TestCollector {
  readonly collector: Collector
  readonly address: string
  /** Base of /metrics and probes. */
  readonly httpAddress: string
  readonly postgresUrl: string
  readonly database: string
  /** What happens before each commit; a fault comes instead of it. The clock may be off. */
  readonly hooks: { beforeCommit?: () => Promise<Fault | undefined>; skewMs?: number }
  /** Messages of warnings and errors so far. */
  readonly complaints: string[]
  /** The same with the agents that they name. */
  readonly said: { readonly message: string; readonly agent: unknown }[]
  query<T>(sql: string): Promise<T[]>
  enrol(resource?: string): Promise<TestAgent>
  /** A connection that has been welcomed, the agent's stream declared. */
  connect(agent: TestAgent): Promise<TestConnection>
  /** Starts one more collector on the same stores; its `dispose` leaves them open. */
  another(env?: Readonly<Record<string, string>>): Promise<TestCollector>
  /** Stops this collector and starts another on the same stores. */
  restart(): Promise<TestCollector>
  dispose(): Promise<void>
}

/** The stores of a suite. */
interface Stores {
  readonly clickhouse: ClickHouseFactory
  readonly clickhouseUrl?: string
  readonly postgresUrl: string
  readonly database: string
  dispose(): Promise<void>
}

/** Starts a collector on the embedded engine, or on a server by URL, and a fresh PostgreSQL database. */
export async function startTestCollector(
  env: Readonly<Record<string, string>> = {},
  server?: { readonly url: string; readonly open: ClickHouseFactory },
): Promise<TestCollector> {
  const postgres = await createTestDatabase()
  if (server !== undefined) {
    const { open: clickhouse, url: clickhouseUrl } = server
    return startOn(
      { clickhouse, clickhouseUrl, postgresUrl: postgres.url, database: 'vouch', dispose: postgres.dispose },
      env,
    )
  }
  const engine = await createTestEngine()
  const dispose = async (): Promise<void> => {
    await engine.dispose()
    await postgres.dispose()
  }
  return startOn(
    { clickhouse: () => engine.connect(), postgresUrl: postgres.url, database: engine.database, dispose },
    env,
  )
}

function configOn(stores: Stores, env: Readonly<Record<string, string>>): CollectorConfig {
  return unwrap(
    readCollectorConfig({
      VOUCH_COLLECTOR_LISTEN: '127.0.0.1:0',
      VOUCH_COLLECTOR_HTTP_LISTEN: '127.0.0.1:0',
      VOUCH_TLS: 'off',
      VOUCH_DATABASE_URL: stores.postgresUrl,
      VOUCH_CLICKHOUSE_DATABASE: stores.database,
      VOUCH_COLLECTOR_COMMIT_WAIT_MS: '20',
      VOUCH_COLLECTOR_FLEET_REFRESH_MS: '200',
      ...(stores.clickhouseUrl === undefined
        ? { VOUCH_DATA_DIR: 'unused' }
        : { VOUCH_CLICKHOUSE_URL: stores.clickhouseUrl }),
      ...env,
    }),
  )
}

async function startOn(stores: Stores, env: Readonly<Record<string, string>>): Promise<TestCollector> {
  const { postgresUrl, database } = stores
  const hooks: TestCollector['hooks'] = {}
  const said: TestCollector['said'] = []
  const clock = { ...SYSTEM_CLOCK, now: () => Date.now() + (hooks.skewMs ?? 0) }
  const wrapArchive = (real: Archive): Archive => ({
    ...real,
    commit: async (group) => {
      const fault = await hooks.beforeCommit?.()
      return fault === undefined ? real.commit(group) : { ok: false, fault }
    },
  })
  const collector = createCollector({
    config: configOn(stores, env),
    clickhouse: stores.clickhouse,
    postgresUrl,
    logger: loggerTo(said),
    wrapArchive,
    clock,
  })
  const { address, httpAddress } = await collector.start()
  const reader = await stores.clickhouse()
  return {
    collector,
    address,
    httpAddress: `http://${httpAddress}`,
    postgresUrl,
    database,
    hooks,
    get complaints() {
      return said.map(({ message }) => message)
    },
    said,
    query: async <T>(sql: string) => {
      const query = `${sql} SETTINGS output_format_json_quote_64bit_integers = 1`
      return (await reader.query({ query, format: 'JSONEachRow' })).json<T>()
    },
    enrol: async (resource) =>
      enrolAgent(address, await collector.tokens.create({ ttlMs: 60_000 }), undefined, resource),
    connect: async (agent) => {
      const connection = new TestConnection(address, agent)
      await connection.hello()
      connection.declare(agent.stream)
      return connection
    },
    another: async (more = {}) => startOn({ ...stores, dispose: async () => {} }, { ...env, ...more }),
    restart: async () => {
      await collector.stop()
      return startOn(stores, env)
    },
    dispose: async () => {
      await collector.stop()
      await stores.dispose()
    },
  }
}

function loggerTo(said: TestCollector['said']): Logger {
  const complain = (context: object, message: string): void =>
    void said.push({ message, agent: 'agent' in context ? context.agent : undefined })
  return { ...SILENT, warn: complain, error: complain }
}
