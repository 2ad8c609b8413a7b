import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { createTestDatabase } from '@vouch/postgres'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { readBillingConfig } from '../config.ts'
import { openDatabase } from '../postgres/database.ts'
import { migrate } from '../postgres/migrate.ts'
import { createBilling } from '../service.ts'
import type { Billing } from '../service.ts'
import type { Logger } from '../ports.ts'
import type { Scope } from '../postgres/api-keys.ts'
import { startFakeRating } from './fake-rating.ts'
import type { FakeRating } from './fake-rating.ts'

/** What a response comes down to. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Uint8Array
  /** The body as JSON; tests look into it freely. */
  readonly body: Json
}

/** JSON of a response, looked into by name: a wrong path is undefined and fails the expectation. */
export type Json = { readonly [key: string]: Json; readonly [index: number]: Json } & string

/** The members of a JSON array. */
export function list(value: Json | undefined): readonly Json[] {
  if (!Array.isArray(value)) throw new Error('the response has no list here')
  return value
}

/** The whole service on a fresh database, with a fake rating service behind real gRPC. */
export interface Fixture {
  readonly billing: Billing
  readonly rating: FakeRating
  readonly issuerPublicKey: Uint8Array
  /** Direct access to the database, as the service's own role. */
  readonly sql: pg.Pool
  /** The same, as the role that owns the schema. */
  readonly owner: pg.Pool
  /** Sends a request with the all-scopes key, or with another. */
  send(method: string, path: string, body?: unknown, options?: SendOptions): Promise<Answer>
  key(scopes: readonly Scope[], expiresMs?: number): Promise<string>
  /** Moves the service's clock. */
  setNow(ms: number): void
  close(): Promise<void>
}

/** Deviations from a plain request. */
export interface SendOptions {
  readonly secret?: string
  readonly idempotencyKey?: string | null
  readonly contentType?: string
}

/** A logger for tests that only show failures. */
export const SILENT: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** After everything that the tests bill. */
export const NOW_MS = Date.UTC(2026, 5, 1)

/** Starts it. */
export async function startFixture(): Promise<Fixture> {
  const database = await createTestDatabase()
  const roleUrl = await migrateAsOwner(database.url)
  const rating = await startFakeRating()
  const directory = await mkdtemp(join(tmpdir(), 'vouch-billing-'))
  const config = unwrap(
    readBillingConfig({
      VOUCH_BILLING_LISTEN: '127.0.0.1:0',
      VOUCH_DATABASE_URL: roleUrl,
      VOUCH_RATING_URL: rating.address,
      VOUCH_TLS: 'off',
      VOUCH_BILLING_ISSUER_KEY_FILE: join(directory, 'issuer.key'),
      VOUCH_BILLING_SELLER_NAME: 'Example Hosting GmbH',
    }),
  )
  let nowMs = NOW_MS
  // Each look at the clock is a millisecond later, so that order in time is visible.
  const chance = { nowMs: () => nowMs++, random: (bytes: number) => randomBytes(bytes) }
  const billing = createBilling({ config, logger: SILENT, chance })
  const { address, issuerPublicKey } = await billing.start()
  const key = async (scopes: readonly Scope[], expiresMs?: number) =>
    (await billing.createApiKey({ name: 'test', scopes, expiresMs })).secret
  const secret = await key(['read', 'write', 'issue', 'admin'])
  const owner = new pg.Pool({ connectionString: database.url, max: 1 })
  const sql = new pg.Pool({ connectionString: roleUrl, max: 4 })
  return {
    billing,
    rating,
    issuerPublicKey,
    sql,
    owner,
    key,
    setNow: (ms) => {
      nowMs = ms
    },
    send: (method, path, body, options = {}) => send(address, secret, method, path, body, options),
    close: async () => {
      await billing.stop()
      rating.close()
      await sql.end()
      const role = new URL(roleUrl).username
      await owner.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
      await owner.end()
      await database.dispose()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Migrates as the owner; the service itself then runs as a role that owns nothing, as it should. */
async function migrateAsOwner(url: string): Promise<string> {
  const owner = openDatabase({ url, connectionsMax: 2, logger: SILENT })
  await migrate(owner)
  const role = `billing_${randomUUID().replaceAll('-', '')}`
  await owner.rows(`CREATE ROLE ${role} LOGIN PASSWORD 'test'`)
  await owner.rows(`GRANT USAGE ON SCHEMA billing TO ${role}`)
  await owner.rows(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA billing TO ${role}`)
  await owner.close()
  const roleUrl = new URL(url)
  roleUrl.username = role
  roleUrl.password = 'test'
  return roleUrl.href
}

async function send(
  address: string,
  ownSecret: string,
  method: string,
  path: string,
  body: unknown,
  { secret = ownSecret, idempotencyKey = randomUUID(), contentType = 'application/json' }: SendOptions,
): Promise<Answer> {
  const headers: Record<string, string> = { authorization: `Bearer ${secret}` }
  if (method !== 'GET' && idempotencyKey !== null) headers['idempotency-key'] = idempotencyKey
  if (body !== undefined) headers['content-type'] = contentType
  const asIs = typeof body === 'string' || body instanceof Uint8Array || body === undefined
  const payload = asIs ? body : JSON.stringify(body)
  const response = await fetch(`${address}${path}`, {
    method,
    headers,
    ...(payload === undefined ? {} : { body: payload }),
  })
  const bytes = new Uint8Array(await response.arrayBuffer())
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  const parsed = isJson ? JSON.parse(new TextDecoder().decode(bytes)) : undefined
  return { status: response.status, headers: response.headers, bytes, body: parsed as Json }
}

/** A catalogue to sell from: CPU hours at 0.042 EUR, traffic at 0.09 EUR a GB. */
export async function publishTariff(fixture: Fixture, id = 'standard', currency = 'EUR'): Promise<void> {
  const rounding = { mode: 'half-even', scale: 6 }
  for (const item of [
    { id: 'compute.cpu', name: 'CPU time', meter: 'host.cpu.used', unit: 'core-hour', rounding },
    { id: 'network.out', name: 'Traffic out', meter: 'host.network.transmitted', unit: 'kB', rounding },
  ]) {
    await fixture.send('POST', '/v1/items', item)
  }
  await fixture.send('POST', '/v1/tariffs', {
    id,
    currency,
    amountRounding: 'half-even',
    prices: [
      { item: 'compute.cpu', unitPrice: { amount: '12.042', currency } },
      { item: 'network.out', unitPrice: { amount: '0.0090', currency } },
    ],
  })
}

/** An account under the standard tariff since 2026 with one host. */
export async function openAccount(fixture: Fixture, id: string, name = `Customer ${id}`): Promise<void> {
  const period = { from: '2026-01-01T00:00:00Z' }
  await fixture.send('POST', '/v1/accounts', { id, name, timeZone: 'Europe/Berlin' })
  await fixture.send('POST', '/v1/contracts', { account: id, tariff: { id: 'standard' }, period })
  await fixture.send('POST', '/v1/assignments', { account: id, resource: `host:${id}`, period })
}

/** Draws the draft of an account's month of 2026; gives its id. */
export async function draw(fixture: Fixture, account: string, month: number): Promise<string> {
  const { body } = await fixture.send('POST', '/v1/invoice-runs', { account, month: { year: 2026, month } })
  return body['invoices']![0]!['id']!
}
