import { credentials } from '@grpc/grpc-js'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { formatExact } from '@vouch/proto/kernel/decimal.ts'
import { overlaps } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import { openRating } from '../grpc/rating-client.ts'
import { createServer } from '../http/server.ts'
import type { Rating } from '../ports.ts'
import { SYSTEM } from '../service.ts'
import { SILENT, list, startFixture } from '../testing/billing-fixture.ts'
import type { Fixture, Json } from '../testing/billing-fixture.ts'
import { RESOURCES_PAGE, attributedAssignments } from './attributed.ts'
import { openDatabase } from './database.ts'
import type { Database } from './database.ts'

const day = (number: number) => Date.UTC(2026, 2, number)
const at = (number: number) => new Date(day(number)).toISOString()
const MARCH = { from: day(1), to: day(32) }

let fixture: Fixture
let database: Database
let app: FastifyInstance
let secret: string
let closeRating: () => void

/** What measured, and when: in the place of rating, which has no such call in this version. */
const measured = new Map<string, Period>()
const asked: { readonly after: string | undefined; readonly limit: number }[] = []
const resources: Rating['resources'] = (period, after, limit) => {
  asked.push({ after, limit })
  const found = [...measured].flatMap(([resource, span]) => (overlaps(span, period) ? [resource] : []))
  const rest = found.toSorted((a, b) => (a < b ? -1 : 1)).filter((resource) => resource > (after ?? ''))
  return Promise.resolve(rest.slice(0, limit))
}

beforeAll(async () => {
  fixture = await startFixture()
  database = openDatabase({
    url: fixture.sql.options.connectionString!,
    connectionsMax: 4,
    logger: SILENT,
  })
  const rating = openRating({
    address: fixture.rating.address,
    credentials: credentials.createInsecure(),
    deadlineMs: 10_000,
    evidenceBytesMax: 1_000_000,
  })
  closeRating = () => rating.close()
  const services = {
    database,
    rating: { ...rating, resources },
    issuer: signerOf(generateKeys().privateKey),
    seller: { id: 's', name: 'S' },
    documentRetentionDays: 1,
    chance: SYSTEM,
    logger: SILENT,
  }
  app = await createServer(services, () => Promise.resolve())
  secret = await fixture.key(['read'])
  for (const id of ['acme', 'beta']) {
    await fixture.send('POST', '/v1/accounts', { id, name: id, timeZone: 'UTC' })
  }
  await fixture.send('PUT', '/v1/resources/attributes', {
    resource: 'host:a',
    attributes: { team: 'web' },
    from: at(1),
  })
  await fixture.send('PUT', '/v1/resources/attributes', {
    resource: 'host:a/disk:vdb',
    attributes: { team: 'db' },
    from: at(11),
  })
  await fixture.send('POST', '/v1/attribution-rule-sets', {
    effectiveFrom: at(2),
    rules: [
      {
        id: 'web',
        priority: 1,
        when: { attributes: { team: 'web' } },
        to: [
          { account: 'acme', costCentre: 'x', percent: '20.5' },
          { account: 'acme', percent: '79.5' },
        ],
      },
      {
        id: 'db',
        priority: 2,
        when: { attributes: { team: 'db' } },
        to: [
          { account: 'acme', percent: '25' },
          { account: 'beta', percent: '75' },
        ],
      },
    ],
  })
  await fixture.send('POST', '/v1/assignments', {
    account: 'beta',
    resource: 'host:a',
    period: { from: at(21), to: at(26) },
  })
  await fixture.send('POST', '/v1/assignments', {
    account: 'beta',
    resource: 'rack:1',
    period: { from: at(10) },
  })
})
beforeEach(() => {
  measured.clear()
  asked.length = 0
})
afterAll(async () => {
  await app.close()
  closeRating()
  await database.close()
  await fixture.close()
})

async function unattributed(query: string): Promise<Json> {
  const headers = { authorization: `Bearer ${secret}` }
  return (await app.inject({ method: 'GET', url: `/v1/usage/unattributed?${query}`, headers })).json()
}

const march = `from=${at(1)}&to=${at(32)}`

describe('attributedAssignments', () => {
  it('gives what rules give, cut where anything changes, less what is assigned by hand', async () => {
    for (const resource of ['host:a', 'host:a/disk:vda', 'host:a/disk:vdb', 'host:z'])
      measured.set(resource, MARCH)
    const shown = async (account: string) =>
      (await attributedAssignments(database, { resources }, account, MARCH)).map(
        ({ resource, period: { from, to }, share, below }) =>
          `${resource} ${new Date(from).getUTCDate()}–${new Date(to - 1).getUTCDate()} ${formatExact(share)}${below ? '/*' : ''}`,
      )
    expect(await shown('acme')).toEqual([
      'host:a 2–10 1/*',
      'host:a 11–20 1',
      'host:a 26–31 1',
      'host:a/disk:vda 11–20 1/*',
      'host:a/disk:vda 26–31 1/*',
      'host:a/disk:vdb 11–20 0.25/*',
      'host:a/disk:vdb 26–31 0.25/*',
    ])
    expect(await shown('beta')).toEqual(['host:a/disk:vdb 11–20 0.75/*', 'host:a/disk:vdb 26–31 0.75/*'])
    expect(await shown('nobody')).toEqual([])
  })

  it('asks for resources page by page', async () => {
    for (let index = 0; index < RESOURCES_PAGE + 1; index += 1)
      measured.set(`host:a/disk:${10_000 + index}`, MARCH)
    const given = await attributedAssignments(database, { resources }, 'acme', { from: day(3), to: day(4) })
    expect(given).toHaveLength(RESOURCES_PAGE + 1)
    expect(asked.map(({ after }) => after)).toEqual([undefined, `host:a/disk:${9999 + RESOURCES_PAGE}`])
  })
})

describe('GET /v1/usage/unattributed', () => {
  it('lists what measured and is neither assigned nor given by a rule, with the stretches', async () => {
    for (const resource of ['host:a/disk:vda', 'host:z', 'rack:1/host:b']) measured.set(resource, MARCH)
    measured.set('host:old', { from: 0, to: MARCH.from })
    const { items, next } = (await unattributed(march)) as never as Record<string, Json>
    const iso = (number: number) => at(number).replace('.000', '')
    expect(next).toBeUndefined()
    expect(items).toEqual([
      { resource: 'host:a/disk:vda', periods: [{ from: iso(1), to: iso(2) }] },
      { resource: 'host:z', periods: [{ from: iso(1), to: iso(32) }] },
      { resource: 'rack:1/host:b', periods: [{ from: iso(1), to: iso(10) }] },
    ])
    expect(list((await unattributed(`from=${at(11)}&to=${at(12)}`))['items'])).toHaveLength(1)
  })

  it('gives the same in pages of any size, also where most of what measured is attributed', async () => {
    for (let index = 0; index < 2 * RESOURCES_PAGE; index += 1)
      measured.set(`rack:1/host:${10_000 + index}`, MARCH)
    for (let index = 0; index < 7; index += 1) measured.set(`x:${index}`, MARCH)
    const all = list((await unattributed(`from=${at(11)}&to=${at(12)}`))['items'])
    expect(all.map(({ resource }) => resource)).toEqual(Array.from({ length: 7 }, (_, index) => `x:${index}`))
    for (const limit of [1, 3, 7]) {
      const pages: Json[] = []
      for (let next = ''; ;) {
        const body = await unattributed(`from=${at(11)}&to=${at(12)}&limit=${limit}${next}`)
        expect(list(body['items']).length).toBeLessThanOrEqual(limit)
        pages.push(...list(body['items']))
        if (body['next'] === undefined) break
        next = `&cursor=${body['next']}`
      }
      expect(pages).toEqual(all)
    }
  })

  it('stops after some pages of what measured, and goes on where it stopped', async () => {
    for (let index = 0; index < 10 * RESOURCES_PAGE; index += 1)
      measured.set(`rack:1/host:${10_000 + index}`, MARCH)
    measured.set('x:1', MARCH)
    const first = await unattributed(`from=${at(11)}&to=${at(12)}`)
    expect([list(first['items']).length, asked.length]).toEqual([0, 10])
    const second = await unattributed(`from=${at(11)}&to=${at(12)}&cursor=${first['next']!}`)
    expect([list(second['items']).map(({ resource }) => resource), second['next']]).toEqual([
      ['x:1'],
      undefined,
    ])
  })

  it.each([
    [`from=${at(2)}&to=${at(1)}`, 'PERIOD_REVERSED'],
    [`${march}&cursor=${Buffer.from('listAudit\n1').toString('base64url')}`, 'CURSOR_INVALID'],
    [`${march}&limit=0`, 'FIELD_INVALID'],
    [`to=${at(1)}`, 'FIELD_MISSING'],
  ])('refuses %s with %s', async (query, code) => {
    expect((await unattributed(query))['code']).toBe(code)
  })
})
