import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GENESIS } from '../audit/chain.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { sha256 } from '@vouch/proto/seal/seal.ts'
import { list, openAccount, publishTariff, startFixture } from '../testing/billing-fixture.ts'
import type { Fixture, Json } from '../testing/billing-fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
  await publishTariff(fixture)
  for (let index = 0; index < 7; index += 1) await openAccount(fixture, `a-${index}`)
})
afterAll(() => fixture.close())

async function everything(path: string, limit: number): Promise<Json[]> {
  const items: Json[] = []
  for (let next = ''; ;) {
    const { body } = await fixture.send('GET', `${path}?limit=${limit}${next}`)
    expect(body['items']!.length).toBeLessThanOrEqual(limit)
    items.push(...list(body['items']))
    if (body['next'] === undefined) return items
    next = `&cursor=${body['next']}`
  }
}

describe('listings', () => {
  it.each(['/v1/accounts', '/v1/contracts', '/v1/assignments', '/v1/items', '/v1/audit'])(
    '%s gives the same rows in pages of any size',
    async (path) => {
      const whole = await everything(path, 200)
      expect(whole.length).toBeGreaterThan(1)
      for (const limit of [1, 2, 7]) expect(await everything(path, limit)).toEqual(whole)
    },
  )

  it('refuses the cursor of another listing', async () => {
    const { body } = await fixture.send('GET', '/v1/contracts?limit=1')
    const answer = await fixture.send('GET', `/v1/assignments?cursor=${body['next']!}`)
    expect(answer.body['code']).toBe('CURSOR_INVALID')
  })

  it('show each version of a tariff, the newest first of all', async () => {
    await publishTariff(fixture)
    const versions = ['', '?version=1', '?version=2'].map((query) =>
      fixture.send('GET', `/v1/tariffs/standard${query}`),
    )
    const bodies = (await Promise.all(versions)).map(({ body }) => body)
    expect(bodies.map((body) => body['version'])).toEqual([2, 1, 2])
    expect(bodies.map((body) => body['rules']![1]!['price'])).toEqual(
      bodies.map(() => ({ model: 'per-unit', unitPrice: '0.0090' })),
    )
    expect(bodies.map((body) => body['items']![0]!['version'])).toEqual([2, 1, 2])
  })
})

describe('the audit log', () => {
  it('has one row for each write, chained from the start', async () => {
    const rows = await everything('/v1/audit', 200)
    const head = await fixture.sql.query('SELECT sequence::int FROM billing.audit_head')
    expect(rows.length).toBe(head.rows[0].sequence)
    let previous = toHex(GENESIS.hash)
    rows.forEach((row, index) => {
      expect([row['sequence'], row['previous']]).toEqual([`${index + 1}`, previous])
      previous = toHex(sha256(Buffer.from(previous, 'hex'), new TextEncoder().encode(row['record'])))
      expect(row['hash']).toBe(previous)
    })
    const actions = rows.map((row) => JSON.parse(row['record']!).action)
    expect(actions.filter((action) => action === 'account.create')).toHaveLength(7)
  })
})

describe('the interface describes itself', () => {
  it('as committed in openapi.json (vouch-billing openapi)', async () => {
    const { body } = await fixture.send('GET', '/v1/openapi.json', undefined, { secret: '' })
    const committed = await readFile(new URL('../../openapi.json', import.meta.url), 'utf8')
    expect(body).toEqual(JSON.parse(committed))
  })

  it('with every write under an Idempotency-Key', async () => {
    const { body } = await fixture.send('GET', '/v1/openapi.json')
    const operations = Object.values(body['paths'] as object).flatMap((path: object) => Object.entries(path))
    expect(operations.length).toBe(47)
    for (const [method, operation] of operations) {
      const names = ((operation.parameters ?? []) as { name: string }[]).map(({ name }) => name)
      expect(names.includes('idempotency-key')).toBe(method !== 'get')
    }
  })

  it('and says how it is', async () => {
    for (const path of ['/livez', '/readyz']) expect((await fixture.send('GET', path)).status).toBe(200)
    const { bytes } = await fixture.send('GET', '/metrics')
    const text = new TextDecoder().decode(bytes)
    expect(text).toContain(
      'vouch_billing_http_requests_total{method="POST",route="/v1/accounts",status="201"} 7',
    )
  })
})
