import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAgent, readAgentConfig } from '@vouch/agent/index.ts'
import type { Agent } from '@vouch/agent/index.ts'
import { createBilling, readBillingConfig } from '@vouch/billing-api/index.ts'
import type { Billing } from '@vouch/billing-api/index.ts'
import { createCollector } from '@vouch/collector/index.ts'
import { readCollectorConfig } from '@vouch/collector/config.ts'
import { isLoopback } from '@vouch/proto/kernel/address.ts'
import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { publicKeyOf } from '@vouch/proto/seal/seal.ts'
import { createRating, readRatingConfig } from '@vouch/rating/index.ts'
import type { Logger } from 'pino'
import type { TlsFiles } from './certificate.ts'
import type { DataDirectory } from './data-directory.ts'
import { ensureDemonstration } from './demonstration.ts'
import { ownAddress } from './own-address.ts'
import type { Progress } from './progress.ts'
import { RestProblem, restAt } from './rest.ts'
import type { Rest } from './rest.ts'
import type { Settings } from './settings.ts'
import type { Stores } from './stores.ts'

/** All services in one process, metering this machine. */
export interface Vouch {
  /** Where agents connect, host:port. */
  readonly collectorAddress: string
  /** Where the REST API is, http://host:port. */
  readonly billingUrl: string
  /** The API as an administrator. */
  readonly rest: Rest
  /** This machine's resource. */
  readonly resource: string
  /** When metering began, epoch milliseconds. */
  readonly meteringSinceMs: number
  /** Public keys, hexadecimal, of the agent here: what its invoices are checked against. */
  readonly trustedKeys: readonly string[]
  /** A single-use token for an agent on another host. */
  createToken(ttlMs: number): Promise<string>
  /** Ends metering with a last reading, and waits for every receipt. Answers with the end, epoch milliseconds. */
  stopMetering(): Promise<number>
  /** Stops everything, the last started first. */
  stop(): Promise<void>
}

/** How the pieces reach each other. */
interface Wiring {
  readonly settings: Settings
  readonly directory: DataDirectory
  readonly stores: Stores
  readonly tls: TlsFiles
  readonly logger: Logger
  /** Aborted where everything is to stop, during the start too. */
  readonly stopping: AbortSignal
}

const RECEIPT_TIMEOUT_MS = 15_000
const TOKEN_TTL_MS = 60_000
/** Readings are labelled on the agent's own timeline, which may lie a little beside the wall clock. */
const LABEL_LAG_MS = 20
const INTERNAL_RATING = '127.0.0.1:0'

/** Starts collector, rating, billing and the agent, in this order; what started is stopped where a later one fails. */
export async function startServices(wiring: Wiring, progress: Progress): Promise<Vouch> {
  const stops: (() => Promise<void>)[] = []
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).toReversed()) await end()
  }
  try {
    return await startAll(wiring, progress, stops, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function startAll(
  wiring: Wiring,
  progress: Progress,
  stops: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<Vouch> {
  const collector = newCollector(wiring)
  stops.push(() => collector.stop())
  const { address: collectorAddress } = await collector.start()
  const rating = newRating(wiring)
  stops.push(() => rating.stop())
  const { address: ratingUrl } = await rating.start()
  const billing = newBilling(wiring, ratingUrl)
  stops.push(() => billing.stop())
  const { address: billingUrl } = await billing.start()
  const apiKey = await adminKey(wiring.directory.at('api-key'), billing, billingUrl)
  progress.step(`collector on ${collectorAddress}, REST API on ${billingUrl}`)

  const createToken = (ttlMs: number): Promise<string> => collector.tokens.create({ ttlMs })
  const agent = newAgent(wiring, collectorAddress, await createToken(TOKEN_TTL_MS))
  stops.push(() => agent.stop())
  // It may wait for long: for a store that does not answer, for a disk with room.
  wiring.stopping.addEventListener('abort', () => void agent.stop(), { once: true })
  await agent.start()
  const meteringSinceMs = await firstReading(agent)
  const { resource, agentId } = agent.status()
  progress.step(`agent ${agentId.toHex()} meters ${resource}`)
  const rest = restAt(billingUrl, apiKey)
  await ensureDemonstration(rest, resource, meteringSinceMs)
  const trustedKeys = [publicKeyOf(await readFile(wiring.directory.at('agent', 'agent.key'))).toHex()]
  const stopMetering = (): Promise<number> => endMetering(agent)
  return {
    collectorAddress,
    billingUrl,
    rest,
    resource,
    meteringSinceMs,
    trustedKeys,
    createToken,
    stopMetering,
    stop,
  }
}

/** The administrator's key of this installation: the one that is kept, or a new one where none is, or it ended. */
async function adminKey(file: string, billing: Billing, billingUrl: string): Promise<string> {
  const kept = await readFile(file, 'utf8').catch(() => undefined)
  if (kept !== undefined && (await isAccepted(restAt(billingUrl, kept)))) return kept
  const { secret } = await billing.createApiKey({
    name: 'standalone',
    scopes: ['read', 'write', 'issue', 'admin'],
  })
  await writeFile(file, secret, { mode: 0o600 })
  return secret
}

async function isAccepted(rest: Rest): Promise<boolean> {
  try {
    await rest.get('/v1/accounts?limit=1')
    return true
  } catch (error) {
    if (error instanceof RestProblem && error.code === 'UNAUTHENTICATED') return false
    throw error
  }
}

/** An instant after a first look at every meter: a period that begins here is covered from its start. */
async function firstReading(agent: Agent): Promise<number> {
  await agent.sampleOnce()
  await sleep(LABEL_LAG_MS)
  return Date.now()
}

async function endMetering(agent: Agent): Promise<number> {
  const endMs = Date.now()
  await sleep(LABEL_LAG_MS)
  await agent.sampleOnce()
  unwrap(agent.sealBatch())
  if (await agent.flush(RECEIPT_TIMEOUT_MS)) return endMs
  const { fault } = agent.status()
  return throwFault(
    fault?.code ?? 'UNAVAILABLE',
    fault?.message ?? 'the collector did not confirm every batch in time',
  )
}

function newCollector({ settings, stores, tls, logger }: Wiring): ReturnType<typeof createCollector> {
  const config = unwrap(
    readCollectorConfig({
      VOUCH_COLLECTOR_LISTEN: settings.collectorListen,
      VOUCH_DATABASE_URL: stores.postgresUrl,
      ...engine(settings),
      ...serverTls(tls),
      VOUCH_TLS_CA_FILE: tls.caFile,
    }),
  )
  return createCollector({
    config,
    clickhouse: stores.clickhouse,
    postgresUrl: stores.postgresUrl,
    logger: logger.child({ service: 'collector' }),
  })
}

function newRating({ settings, stores, tls, logger }: Wiring): ReturnType<typeof createRating> {
  const environment = { VOUCH_RATING_LISTEN: INTERNAL_RATING, ...engine(settings), ...apiTls(settings, tls) }
  const config = unwrap(readRatingConfig(environment))
  return createRating({ config, clickhouse: stores.clickhouse, logger: logger.child({ service: 'rating' }) })
}

function newBilling({ settings, directory, stores, tls, logger }: Wiring, ratingUrl: string): Billing {
  const config = unwrap(
    readBillingConfig({
      VOUCH_BILLING_LISTEN: settings.billingListen,
      VOUCH_DATABASE_URL: stores.postgresUrl,
      VOUCH_RATING_URL: ratingUrl,
      VOUCH_BILLING_SELLER_NAME: 'Vouch standalone',
      VOUCH_BILLING_ISSUER_KEY_FILE: directory.at('issuer.key'),
      ...apiTls(settings, tls),
      ...(isLoopback(settings.billingListen) ? {} : { VOUCH_TLS_CA_FILE: tls.caFile }),
    }),
  )
  return createBilling({ config, logger: logger.child({ service: 'billing' }) })
}

function newAgent(
  { settings, directory, tls, logger }: Wiring,
  collectorAddress: string,
  token: string,
): Agent {
  const config = unwrap(
    readAgentConfig({
      VOUCH_AGENT_STATE_DIR: directory.at('agent'),
      VOUCH_AGENT_COLLECTOR: ownAddress(collectorAddress),
      VOUCH_TLS_CA_FILE: tls.caFile,
      VOUCH_AGENT_CADENCE_MS: String(settings.cadenceMs),
      VOUCH_AGENT_BATCH_INTERVAL_MS: String(settings.cadenceMs),
    }),
  )
  return createAgent({ config, token, logger: logger.child({ service: 'agent' }) })
}

function engine({ clickhouseUrl, dataDir }: Settings): Record<string, string> {
  return clickhouseUrl === undefined ? { VOUCH_DATA_DIR: dataDir } : { VOUCH_CLICKHOUSE_URL: clickhouseUrl }
}

/** The API speaks plain HTTP on loopback, where a browser would not know the installation's CA. */
function apiTls(settings: Settings, tls: TlsFiles): Record<string, string> {
  return isLoopback(settings.billingListen) ? { VOUCH_TLS: 'off' } : serverTls(tls)
}

function serverTls({ certFile, keyFile }: TlsFiles): Record<string, string> {
  return { VOUCH_TLS_CERT_FILE: certFile, VOUCH_TLS_KEY_FILE: keyFile }
}
