import type { Server } from '@grpc/grpc-js'
import { fail, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { serverCredentials } from '@vouch/proto/wire/listen.ts'
import type { ClickHouseFactory } from './clickhouse/connect.ts'
import { openStore } from './clickhouse/store.ts'
import type { ClickHouseStore } from './clickhouse/store.ts'
import { SYSTEM_CLOCK } from './clock.ts'
import type { CollectorConfig } from './config.ts'
import { listen } from './grpc/listener.ts'
import type { Listener } from './grpc/listener.ts'
import { createGrpcServer } from './grpc/server.ts'
import { Strangers } from './grpc/strangers.ts'
import { createMetrics } from './http/metrics.ts'
import { serveProbes } from './http/probes.ts'
import type { AgentSummary, Archive, Clock, Logger } from './ports.ts'
import { collectorSigner, createFleet } from './postgres/fleet.ts'
import { migratePostgres } from './postgres/migrate.ts'
import { openPool, pingPool } from './postgres/pool.ts'
import { addServices } from './service.ts'
import type { Pipeline } from './pipeline.ts'

export { readCollectorConfig } from './config.ts'
export type { CollectorConfig } from './config.ts'

/** What a collector is made of. */
export interface CollectorOptions {
  readonly config: CollectorConfig
  /** Opens one more client; the collector closes those it opened. */
  readonly clickhouse: ClickHouseFactory
  readonly postgresUrl: string
  readonly logger: Logger
  /** Time; the machine's by default. */
  readonly clock?: Clock
  /** Wraps the archive, so that a test can make it fail. */
  readonly wrapArchive?: (archive: Archive) => Archive
}

/** A collector. */
export interface Collector {
  /** Migrates and listens. Gives the addresses with their real ports. Throws a FaultError: CONFIG_…, STORE_…, DISK_FULL, PORT_IN_USE. */
  start(): Promise<{ readonly address: string; readonly httpAddress: string | undefined }>
  /** Stores what was taken in, sends the receipts, closes. Safe to call twice. */
  stop(): Promise<void>
  readonly tokens: {
    /** Issues a single-use enrolment token. Throws a FaultError: STORE_…. */
    create(options: { readonly ttlMs: number; readonly label?: string }): Promise<string>
  }
  /** Revokes an agent and ends its connections. Throws a FaultError: AGENT_UNKNOWN, STORE_…. */
  revoke(agentId: Uint8Array, reason: string): Promise<void>
  /** Agents by time of enrolment, at most 1,000. Throws a FaultError: STORE_…. */
  agents(): Promise<readonly AgentSummary[]>
}

const AGENTS_MAX = 1_000
const STOP_MS = 3_000
/** What a peer may send without showing who it is; enrolling takes a thousandth of it. */
const STRANGER_BYTES_MAX = 262_144

interface Running {
  readonly server: Server
  readonly listener: Listener
  readonly store: ClickHouseStore
  readonly pipeline: Pipeline
  readonly timer: NodeJS.Timeout
  readonly stopProbes: () => Promise<void>
}

/** Creates a collector: agents enrol and deliver over gRPC, readings and batches go to ClickHouse. */
export function createCollector(options: CollectorOptions): Collector {
  const { logger } = options
  const pool = openPool(options.postgresUrl, logger)
  const fleet = createFleet(pool)
  let starting: ReturnType<typeof start> | undefined
  let ended: Promise<void> | undefined
  return {
    start: async () => {
      starting = migratePostgres(pool).then((migrated) => {
        unwrap(migrated)
        return start(options, pool, fleet)
      })
      const { addresses } = await starting
      logger.info(addresses, 'collector listens')
      return addresses
    },
    stop: () => {
      ended ??= (async () => {
        // A start under way is finished first: half a service cannot be stopped in order.
        const started = await starting?.catch(() => undefined)
        if (started !== undefined) await stop(started.running)
        await pool.end()
      })()
      return ended
    },
    tokens: { create: async (token) => unwrap(await fleet.createToken(token)) },
    revoke: async (agentId, reason) => {
      unwrap(await fleet.bar(agentId, 'revoked', reason))
      const started = await starting
      started?.running.pipeline.sessions.end(agentId.toHex(), barredFault('revoked'))
    },
    agents: async () => unwrap(await fleet.list(AGENTS_MAX)),
  }
}

async function start(
  { config, clickhouse, logger, clock = SYSTEM_CLOCK, wrapArchive = (archive) => archive }: CollectorOptions,
  pool: ReturnType<typeof openPool>,
  fleet: ReturnType<typeof createFleet>,
): Promise<{ running: Running; addresses: { address: string; httpAddress: string | undefined } }> {
  const signer = unwrap(await collectorSigner(pool))
  const embedded = config.clickhouseUrl === undefined
  const store = await openStore(clickhouse, { database: config.clickhouseDatabase, embedded })
  const strangers = new Strangers({
    socketsMax: config.unauthenticatedMax,
    bytesMax: STRANGER_BYTES_MAX,
    silentMs: config.helloTimeoutMs,
  })
  const server = createGrpcServer(
    { batchBytesMax: config.batchBytesMax, requestMs: config.helloTimeoutMs },
    strangers,
  )
  let listener: Listener | undefined
  try {
    const { registry, telemetry } = createMetrics()
    const obstacles = async (): Promise<Fault[]> =>
      (await Promise.all([store.ping(), pingPool(pool)])).flatMap((result) =>
        result.ok ? [] : [result.fault],
      )
    const ready = async (): Promise<boolean> => (await obstacles()).length === 0
    const archive = wrapArchive(store.archive)
    const parts = { config, archive, fleet, signer, logger, telemetry, clock, ready, strangers }
    const pipeline = addServices(server, parts)
    const credentials = unwrap(await serverCredentials(config.listen, config))
    listener = unwrap(await listen(server, config.listen, credentials, strangers))
    const { address } = listener
    const probes =
      config.httpListen === undefined
        ? undefined
        : unwrap(await serveProbes(config.httpListen, { registry, obstacles }))
    const timer = setInterval(() => void watchFleet(fleet, pipeline, logger), config.fleetRefreshMs)
    const stopProbes = probes?.stop ?? (async () => {})
    return {
      running: { server, listener, store, pipeline, timer, stopProbes },
      addresses: { address, httpAddress: probes?.address },
    }
  } catch (error) {
    listener?.destroy()
    server.forceShutdown()
    await store.close()
    throw error
  }
}

/** Ends the connections of agents that were revoked or quarantined meanwhile, here or elsewhere. */
async function watchFleet(
  fleet: ReturnType<typeof createFleet>,
  { sessions }: Pipeline,
  logger: Logger,
): Promise<void> {
  const connected = sessions.agents()
  if (connected.length === 0) return
  const barred = await fleet.seen(connected)
  if (!barred.ok) {
    logger.warn({ fault: barred.fault }, 'fleet not checked')
    return
  }
  for (const { agentId, state } of barred.value) sessions.end(agentId, barredFault(state))
}

function barredFault(state: string): Fault {
  if (state === 'revoked')
    return fail('AGENT_REVOKED', 'this agent has been revoked; enrol the host again').fault
  return fail('AGENT_QUARANTINED', 'this agent is held apart; look for a clone or a restored snapshot').fault
}

async function stop({ server, listener, store, pipeline, timer, stopProbes }: Running): Promise<void> {
  clearInterval(timer)
  // Shutting down refuses new calls; ending the open ones makes agents dial again, elsewhere or later.
  const closed = listener.close()
  server.tryShutdown(() => undefined)
  await pipeline.committer.drain()
  pipeline.sessions.endAll(fail('UNAVAILABLE', 'the collector stops; connect again later').fault)
  // An agent that does not read to the end of its stream cannot hold up the others.
  const late = new AbortController()
  await Promise.race([closed, SYSTEM_CLOCK.sleep(STOP_MS, late.signal)])
  late.abort()
  server.forceShutdown()
  listener.destroy()
  await pipeline.committer.drain()
  await stopProbes()
  await store.close()
}
