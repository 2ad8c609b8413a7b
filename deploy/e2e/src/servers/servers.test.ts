import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@clickhouse/client'
import { debianBinaries, startEmbeddedPostgres } from '@vouch/postgres'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { verifyProof } from '@vouch/rating/verify/verify.ts'
import { describe, expect, it } from 'vitest'
import { FOREVER_FROM, createCatalogue, createCustomer } from '../month/customers.ts'
import { meter } from '../month/metering.ts'
import { startServices } from '../month/services.ts'
import type { Services, Stores } from '../month/services.ts'
import { ALPHA } from '../month/story.ts'
import { containerObstacle, containerServer, embeddedServer } from './clickhouse-servers.ts'
import type { ClickHouseServer } from './clickhouse-servers.ts'

const DAY = { from: Date.parse('2026-03-02T00:00:00Z'), to: Date.parse('2026-03-03T00:00:00Z') }
const TIMEOUT_MS = 180_000

const debian = debianBinaries()
if (debian === undefined && process.env['CI'] === 'true')
  throw new Error('Debian package postgresql is absent')
const postgres =
  debian === undefined
    ? 'the PostgreSQL from npm (Debian package postgresql is absent)'
    : "Debian's PostgreSQL"

/** Both stores as servers, reached by URL. */
async function serverStores(start: (directory: string) => Promise<ClickHouseServer>): Promise<Stores> {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-servers-'))
  await chmod(directory, 0o755)
  const binaries = debian === undefined ? {} : { binaries: debian }
  const database = unwrap(
    await startEmbeddedPostgres({ directory: join(directory, 'postgres'), ...binaries }),
  )
  const server = await start(join(directory, 'clickhouse'))
  const dispose = async (): Promise<void> => {
    await server.stop()
    await database.stop()
    await rm(directory, { recursive: true, force: true })
  }
  const { url } = server
  return {
    postgresUrl: database.url,
    clickhouse: () => createClient({ url }),
    clickhouseSettings: { VOUCH_CLICKHOUSE_URL: url },
    dispose,
  }
}

/** Meters a day, bills it, checks the proof; answers with what was billed. */
async function billADay(services: Services): Promise<{ total: string; quantities: string[] }> {
  const { rest } = services
  await meter(services, ALPHA, DAY.from, DAY.to)
  await createCatalogue(rest)
  await createCustomer(rest, 'alpha', 'UTC', { currency: 'EUR', cpu: '0.5', memory: '0.01' })
  await rest.post('/v1/assignments', {
    account: 'alpha',
    resource: ALPHA.resource,
    period: { from: FOREVER_FROM },
  })
  const period = { from: new Date(DAY.from).toISOString(), to: new Date(DAY.to).toISOString() }
  const run = await rest.post<{ invoices: { id: string }[] }>('/v1/invoice-runs', {
    account: 'alpha',
    period,
  })
  const id = run.invoices[0]!.id
  await rest.post(`/v1/invoices/${id}/issue`)
  const text = Buffer.from(await rest.bytes(`/v1/invoices/${id}/proof`)).toString('utf8')
  const { invoice } = unwrap(verifyProof(text, { issuer: services.issuerPublicKey })).proof
  return { total: invoice!.total, quantities: invoice!.lines.map(({ charge }) => charge!.quantity) }
}

/** A quarter of a core for a day is 6 core-hours at 0.5; 2 GiB for a day are 48 GiB-hours at 0.01. */
const EXPECTED = { total: '3.48', quantities: ['6', '48'] }

const EMBEDDED = ['the embedded ClickHouse behind its HTTP interface', embeddedServer] as const
const CONTAINER = ["ClickHouse's own server in a container", containerServer] as const

const obstacle = await containerObstacle()
const servers = obstacle === undefined ? [EMBEDDED, CONTAINER] : [EMBEDDED]
const left = obstacle === undefined ? '' : `; not run: ${obstacle}`

describe(`a day through servers, with ${postgres}${left}`, () => {
  it.each(servers)('and %s', { timeout: TIMEOUT_MS }, async (_, start) => {
    const services = await startServices(await serverStores(start))
    try {
      expect(await billADay(services)).toEqual(EXPECTED)
    } finally {
      await services.stop()
    }
  })
})
