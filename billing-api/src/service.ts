import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { credentials } from '@grpc/grpc-js'
import type { FastifyInstance } from 'fastify'
import { FaultError, fail, throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { BillingConfig } from './config.ts'
import { openRating } from './grpc/rating-client.ts'
import { openIssuerKey } from './host/issuer-key.ts'
import { createApiKey, revokeApiKey } from './http/authentication.ts'
import type { ApiKeyRequest } from './http/authentication.ts'
import { createServer } from './http/server.ts'
import type { ServerTls } from './http/server.ts'
import type { Chance, Logger } from './ports.ts'
import { openDatabase } from './postgres/database.ts'
import { migrate } from './postgres/migrate.ts'

/** The billing service. */
export interface Billing {
  /** Migrates the schema and listens. Throws FaultErrors: STORE_UNAVAILABLE, STORE_NEWER_VERSION, PORT_IN_USE, … */
  start(): Promise<{ readonly address: string; readonly issuerPublicKey: Uint8Array }>
  /** Finishes what it began, then closes everything. */
  stop(): Promise<void>
  /** Makes an API key; its secret is in the answer and nowhere else. */
  createApiKey(request: ApiKeyRequest): Promise<{ readonly id: string; readonly secret: string }>
  /** Ends an API key at once. Faults: NOT_FOUND. */
  revokeApiKey(id: string): Promise<void>
  /** Brings the schema to this version; answers with the steps applied. Faults: STORE_NEWER_VERSION. */
  migrate(): Promise<string[]>
}

/** What the service is made of. */
export interface BillingOptions {
  readonly config: BillingConfig
  readonly logger: Logger
  /** Clock and randomness; the system's if absent. */
  readonly chance?: Chance
}

/** The system's clock and randomness. */
export const SYSTEM: Chance = { nowMs: () => Date.now(), random: (bytes) => randomBytes(bytes) }

/** Makes the service; nothing is opened before `start`. */
export function createBilling({ config, logger, chance = SYSTEM }: BillingOptions): Billing {
  const database = openDatabase({
    url: config.databaseUrl,
    connectionsMax: config.databaseConnectionsMax,
    logger,
  })
  const closers: (() => unknown)[] = [() => database.close()]
  return {
    start: async () => {
      const applied = await migrate(database)
      if (applied.length > 0) logger.info({ applied }, 'schema migrated')
      const issuer = unwrap(await openIssuerKey(config.issuerKeyFile))
      const rating = openRating({
        address: config.ratingUrl,
        credentials: await channelCredentials(config),
        deadlineMs: config.ratingDeadlineMs,
        evidenceBytesMax: config.evidenceBytesMax,
      })
      closers.unshift(() => rating.close())
      const seller = { id: config.sellerId, name: config.sellerName }
      const { documentRetentionDays } = config
      const services = { database, rating, issuer, seller, documentRetentionDays, chance, logger }
      const ready = async () => void (await database.rows('SELECT 1'))
      const app = await createServer(services, ready, await serverTls(config))
      closers.unshift(() => app.close())
      const address = await listen(app, config.listen)
      logger.info({ address }, 'billing listens')
      return { address, issuerPublicKey: issuer.publicKey }
    },
    stop: async () => {
      for (const close of closers.splice(0)) await close()
    },
    createApiKey: (request) => createApiKey(database, chance, request),
    revokeApiKey: (id) => revokeApiKey(database, chance, id),
    migrate: () => migrate(database),
  }
}

async function listen(app: FastifyInstance, address: string): Promise<string> {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '')
  try {
    return await app.listen({ host, port: Number.parseInt(address.slice(colon + 1), 10) })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error
    const { fault } = fail(
      'PORT_IN_USE',
      `cannot listen on ${address} (${code}); set VOUCH_BILLING_LISTEN to a free one`,
    )
    throw new FaultError(fault, { cause: error })
  }
}

async function channelCredentials({ tls, tlsCaFile }: BillingConfig) {
  if (tls === 'off') return credentials.createInsecure()
  return credentials.createSsl(tlsCaFile === undefined ? null : await readPem(tlsCaFile))
}

async function serverTls({ tls, tlsCertFile, tlsKeyFile }: BillingConfig): Promise<ServerTls | undefined> {
  if (tls === 'off' || tlsCertFile === undefined || tlsKeyFile === undefined) return undefined
  return { cert: await readPem(tlsCertFile), key: await readPem(tlsKeyFile) }
}

async function readPem(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    return throwFault('CONFIG_INVALID', `${file} cannot be read: ${String(error)}`)
  }
}
