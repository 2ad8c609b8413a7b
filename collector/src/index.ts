import { hostname } from 'node:os'
import { fail, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { serverCertificate } from '@vouch/proto/wire/tls.ts'
import { startAuditTask } from './audit-task.ts'
import { startPuller } from './pull-task.ts'
import { startRecoverTask } from './recover-task.ts'
import type { ClickHouseFactory } from './clickhouse/connect.ts'
import { openStore } from './clickhouse/store.ts'
import type { ClickHouseStore } from './clickhouse/store.ts'
import { topologyOf } from './clickhouse/topology.ts'
import { SYSTEM_CLOCK } from './clock.ts'
import type { CollectorConfig } from './config.ts'
import type { Health } from './grpc/health.ts'
import { serveGrpc } from '@vouch/proto/wire/http2/server.ts'
import type { GrpcServer } from '@vouch/proto/wire/http2/server.ts'
import { Strangers } from '@vouch/proto/wire/http2/strangers.ts'
import { createGapMetrics, createMetrics, createPullMetrics } from './http/metrics.ts'
import { serveProbes } from './http/probes.ts'
import { observeArchive } from './intake/observed-archive.ts'
import type { AgentSummary, FleetTotals } from './fleet/ports.ts'
import type { Archive, Clock, Logger } from './ports.ts'
import { collectorSigner, createFleet } from './postgres/fleet.ts'
import { migratePostgres } from './postgres/migrate.ts'
import { openPool, pingPool } from './postgres/pool.ts'
import { createPullRegistry } from './postgres/pulls.ts'
import { retentionPolicy } from './retention/policy.ts'
import { createServices } from './service.ts'
import { barredFault } from './fleet/barred.ts'
import { FleetWatch } from './session/fleet-watch.ts'
import type { Puller } from './session/puller.ts'
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
    create(options: {
      readonly ttlMs: number
      readonly label?: string
      readonly group?: string
    }): Promise<string>
  }
  /** Revokes an agent and ends its connections. Throws a FaultError: AGENT_UNKNOWN, STORE_…. */
  revoke(agentId: Uint8Array, reason: string): Promise<void>
  /** Agents by time of enrolment, at most 1,000. Throws a FaultError: STORE_…. */
  agents(): Promise<readonly AgentSummary[]>
}

const AGENTS_MAX = 1_000
/** An agent that does not read to the end of its stream cannot hold up the others longer than this. */
const STOP_MS = 3_000
const DRAIN_POLL_MS = 10
const DRAINING = fail('UNAVAILABLE', 'the collector stops; connect again, to another one or later').fault
/** What a peer may send without showing who it is; enrolling takes a thousandth of it. */
const STRANGER_BYTES_MAX = 262_144

interface Running {
  readonly server: GrpcServer
  readonly health: Health
  readonly store: ClickHouseStore
  readonly pipeline: Pipeline
  readonly watch: FleetWatch
  readonly puller: Puller
  readonly timer: NodeJS.Timeout
  readonly auditTask: ReturnType<typeof startAuditTask>
  readonly recoverTask: ReturnType<typeof startRecoverTask>
  readonly stopProbes: () => Promise<void>
  readonly drain: { draining: boolean }
  readonly config: CollectorConfig
  readonly logger: Logger
}

interface TaskParts {
  readonly fleet: ReturnType<typeof createFleet>
  readonly pool: ReturnType<typeof openPool>
  readonly signer: Signer
  readonly logger: Logger
  readonly clock: Clock
  readonly config: CollectorConfig
  readonly store: ClickHouseStore
}

interface TaskTies {
  readonly pipeline: Pipeline
  /** This collector, for operators. */
  readonly name: string
  readonly onTotals: (totals: FleetTotals) => void
  readonly closed: (startMs: number) => void
  readonly recovered: (batches: number) => void
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
  const retention = { policy: unwrap(retentionPolicy(config)), logger }
  const store = await openStore(clickhouse, {
    database: config.clickhouseDatabase,
    embedded: config.clickhouseUrl === undefined,
    topology: topologyOf(config),
    retention,
  })
  const strangers = new Strangers({
    socketsMax: config.unauthenticatedMax,
    bytesMax: STRANGER_BYTES_MAX,
    silentMs: config.helloTimeoutMs,
  })
  let server: GrpcServer | undefined
  try {
    const { registry, telemetry, showFleet, dayClosed, recovered } = createMetrics()
    const drain = { draining: false }
    const obstacles = async (): Promise<Fault[]> => {
      if (drain.draining) return [DRAINING]
      return (await Promise.all([store.ping(), pingPool(pool)])).flatMap((result) =>
        result.ok ? [] : [result.fault],
      )
    }
    const ready = async (): Promise<boolean> => (await obstacles()).length === 0
    const gaps = createGapMetrics(registry, () => store.countOpen(), clock.now)
    const archive = observeArchive(wrapArchive(store.archive), gaps, config.lateAfterMs)
    const parts = { config, archive, fleet, signer, logger, telemetry, clock, ready, strangers }
    const { routes, pipeline, health } = createServices(parts)
    const certificate = unwrap(await serverCertificate(config.listen, config))
    const setting = 'VOUCH_COLLECTOR_LISTEN'
    const about = { listenOn: config.listen, setting, certificate, routes, limits: config, strangers }
    server = unwrap(await serveGrpc(about))
    const { address } = server
    const probes =
      config.httpListen === undefined
        ? undefined
        : unwrap(await serveProbes(config.httpListen, { registry, obstacles }))
    const taskParts = { fleet, pool, signer, logger, clock, config, store }
    const name = `${hostname()} ${address}`
    const puller = await startPuller({
      ...parts,
      certificate,
      pipeline,
      registry: createPullRegistry(pool),
      telemetry: createPullMetrics(registry),
      collector: name,
    })
    const tasks = startTasks(taskParts, {
      pipeline,
      name,
      onTotals: showFleet,
      closed: dayClosed,
      recovered,
    })
    const stopProbes = probes?.stop ?? (async () => {})
    return {
      running: { server, health, store, pipeline, puller, ...tasks, stopProbes, drain, config, logger },
      addresses: { address, httpAddress: probes?.address },
    }
  } catch (error) {
    server?.destroy()
    await store.close()
    throw error
  }
}

/** What goes on beside the agents: the watch over the fleet, and the closing of days. */
function startTasks(
  { fleet, pool, signer, logger, clock, config, store }: TaskParts,
  { pipeline, name, onTotals, closed, recovered }: TaskTies,
): Pick<Running, 'watch' | 'timer' | 'auditTask' | 'recoverTask'> {
  const watch = new FleetWatch({
    fleet,
    logger,
    clock,
    sessions: pipeline.sessions,
    silentAfterMs: config.silentAfterMs,
    collector: name,
    onTotals,
    forks: (agentIds, sinceMs) => store.forks(agentIds, sinceMs),
  })
  const timer = setInterval(() => void watch.round(), config.fleetRefreshMs)
  const graceMs = config.auditGraceMs
  const auditTask = startAuditTask({ store: store.days, signer, pool, clock, logger, graceMs, closed })
  return { watch, timer, auditTask, recoverTask: startRecoverTask({ store, clock, logger, recovered }) }
}

/** In order: not ready, a time for load balancers, no new work, what was taken in stored and acknowledged, then the stores. */
async function stop({
  server,
  health,
  store,
  pipeline,
  drain,
  config,
  logger,
  ...running
}: Running): Promise<void> {
  drain.draining = true
  await SYSTEM_CLOCK.sleep(config.drainWaitMs)
  clearInterval(running.timer)
  const { committer, sessions } = pipeline
  await within(running.puller.cease(), STOP_MS)
  sessions.drain(DRAINING)
  const deadlineMs = performance.now() + config.drainMaxMs
  const leftMs = (): number => Math.max(0, deadlineMs - performance.now())
  while (sessions.taking > 0 && leftMs() > 0)
    await within(Promise.all([committer.drain(), SYSTEM_CLOCK.sleep(DRAIN_POLL_MS)]), leftMs())
  await within(committer.drain(), leftMs())
  if (sessions.taking > 0)
    logger.error({ connections: sessions.taking }, 'drain cut short; what has no receipt is sent again')
  await within(running.puller.leave(), STOP_MS)
  health.stop()
  await within(server.close(), STOP_MS)
  server.destroy()
  // What was heard last, above all that an agent stopped in order.
  await within(running.watch.round(), STOP_MS)
  await within(Promise.all([running.auditTask.stop(), running.recoverTask.stop()]), STOP_MS)
  await running.stopProbes()
  await within(store.close(), leftMs() > 0 ? config.drainMaxMs : STOP_MS)
}

async function within(work: Promise<unknown>, ms: number): Promise<void> {
  const over = new AbortController()
  await Promise.race([work, SYSTEM_CLOCK.sleep(ms, over.signal)])
  over.abort()
}
