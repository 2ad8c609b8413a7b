import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NOW_MS, list, openAccount, publishTariff, startFixture } from '../testing/billing-fixture.ts'
import type { Fixture } from '../testing/billing-fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
  await publishTariff(fixture)
  await openAccount(fixture, 'acme')
})
afterAll(() => fixture.close())

const rounding = { mode: 'half-even', scale: 2 }
const item = { id: 'x', name: 'X', meter: 'host.cpu.used', unit: 'core-hour', rounding }
const price = { item: 'compute.cpu', unitPrice: { amount: '1', currency: 'EUR' } }
const tariff = { id: 't', currency: 'EUR', amountRounding: 'half-up', prices: [price] }
const account = { id: 'a', name: 'A', timeZone: 'UTC' }
const past = { from: '2026-01-01T00:00:00Z', to: '2026-02-01T00:00:00Z' }
const unknownId = '019e807a-ec2c-71e1-b525-92ac5721a447'

describe('bad input', () => {
  it.each<[string, string, string, unknown, string | undefined]>([
    ['/v1/accounts', 'BODY_MALFORMED', 'text that is no JSON', '{"id": ', undefined],
    ['/v1/accounts', 'BODY_MALFORMED', 'a member twice', '{"id":"a","id":"b"}', undefined],
    ['/v1/accounts', 'BODY_MALFORMED', 'a fraction', '{"id":1.5}', undefined],
    ['/v1/accounts', 'FIELD_INVALID', 'no object', '[]', ''],
    ['/v1/accounts', 'BODY_MALFORMED', 'more than a mebibyte', `"${'x'.repeat(1_100_000)}"`, undefined],
    ['/v1/accounts', 'FIELD_UNKNOWN', 'an unknown field', { ...account, timezone: 'UTC' }, '/timezone'],
    ['/v1/accounts', 'FIELD_MISSING', 'a missing field', { id: 'a', name: 'A' }, '/timeZone'],
    ['/v1/accounts', 'FIELD_INVALID', 'an id with capitals', { ...account, id: 'ACME' }, '/id'],
    ['/v1/accounts', 'FIELD_INVALID', 'a name with a NUL', { ...account, name: 'A\u0000B' }, '/name'],
    ['/v1/accounts', 'FIELD_INVALID', 'a name with a newline', { ...account, name: 'A\nB' }, '/name'],
    ['/v1/accounts', 'FIELD_INVALID', 'a name that ends the line', { ...account, name: 'A\n' }, '/name'],
    [
      '/v1/accounts',
      'FIELD_INVALID',
      'a name that writes backwards',
      { ...account, name: 'A\u202eB' },
      '/name',
    ],
    [
      '/v1/accounts',
      'BODY_MALFORMED',
      'text that is no UTF-8',
      new Uint8Array([0x22, 0xff, 0x22]),
      undefined,
    ],
    ['/v1/accounts', 'ZONE_UNKNOWN', 'an unknown zone', { ...account, timeZone: 'Mars/Base' }, '/timeZone'],
    ['/v1/accounts', 'ALREADY_EXISTS', 'a taken id', { ...account, id: 'acme' }, undefined],
    ['/v1/items', 'METER_UNKNOWN', 'an unknown meter', { ...item, meter: 'CPU' }, '/meter'],
    ['/v1/items', 'UNIT_UNKNOWN', 'an unknown unit', { ...item, unit: 'furlong' }, '/unit'],
    ['/v1/items', 'UNIT_MISMATCH', 'a unit of something else', { ...item, unit: 'GiB' }, '/unit'],
    [
      '/v1/items',
      'ROUNDING_UNKNOWN',
      'an unknown mode',
      { ...item, rounding: { ...rounding, mode: 'up-ish' } },
      '/rounding/mode',
    ],
    [
      '/v1/tariffs',
      'CURRENCY_UNKNOWN',
      'an unknown currency',
      { ...tariff, currency: 'EUX', prices: [{ ...price, unitPrice: { amount: '1', currency: 'EUX' } }] },
      '/currency',
    ],
    [
      '/v1/tariffs',
      'CURRENCY_MISMATCH',
      'another currency',
      { ...tariff, currency: 'USD' },
      '/prices/0/unitPrice/currency',
    ],
    [
      '/v1/tariffs',
      'DECIMAL_INVALID',
      'an exponent',
      { ...tariff, prices: [{ ...price, unitPrice: { amount: '1e3', currency: 'EUR' } }] },
      '/prices/0/unitPrice/amount',
    ],
    [
      '/v1/items',
      'FIELD_INVALID',
      'more decimals than rating keeps',
      { ...item, rounding: { ...rounding, scale: 13 } },
      '/rounding/scale',
    ],
    [
      '/v1/tariffs',
      'OUT_OF_RANGE',
      'a price below zero, which rating refuses',
      { ...tariff, prices: [{ ...price, unitPrice: { amount: '-1', currency: 'EUR' } }] },
      '/prices/0/unitPrice/amount',
    ],
    [
      '/v1/tariffs',
      'FIELD_INVALID',
      'an amount as number',
      { ...tariff, prices: [{ ...price, unitPrice: { amount: 1, currency: 'EUR' } }] },
      '/prices/0/unitPrice/amount',
    ],
    [
      '/v1/tariffs',
      'TARIFF_INVALID',
      'an item twice',
      { ...tariff, prices: [price, price] },
      '/prices/1/item',
    ],
    [
      '/v1/tariffs',
      'NOT_FOUND',
      'an unknown item',
      { ...tariff, prices: [{ ...price, item: 'nope' }] },
      '/prices/0/item',
    ],
    [
      '/v1/contracts',
      'NOT_FOUND',
      'an unknown account',
      { account: 'nobody', tariff: { id: 'standard' }, period: past },
      undefined,
    ],
    [
      '/v1/contracts',
      'NOT_FOUND',
      'an unknown tariff',
      { account: 'acme', tariff: { id: 'nope' }, period: past },
      undefined,
    ],
    [
      '/v1/contracts',
      'CONTRACT_OVERLAP',
      'a second contract',
      { account: 'acme', tariff: { id: 'standard' }, period: past },
      undefined,
    ],
    [
      '/v1/contracts',
      'PERIOD_REVERSED',
      'an end before the start',
      { account: 'acme', tariff: { id: 'standard' }, period: { from: past.to, to: past.from } },
      '/period',
    ],
    [
      '/v1/contracts',
      'INSTANT_INVALID',
      'a time without offset',
      { account: 'acme', tariff: { id: 'standard' }, period: { from: '2026-01-01' } },
      '/period/from',
    ],
    [
      '/v1/assignments',
      'FIELD_INVALID',
      'a malformed resource',
      { account: 'acme', resource: 'a//b', period: past },
      '/resource',
    ],
    [
      '/v1/assignments',
      'ASSIGNMENT_OVERLAP',
      'an assigned resource',
      { account: 'acme', resource: 'host:acme/disk:vda', period: past },
      undefined,
    ],
    [
      '/v1/invoice-runs',
      'PERIOD_OPEN',
      'a period that is not over',
      { account: 'acme', period: { from: past.from, to: new Date(NOW_MS + 60_000).toISOString() } },
      undefined,
    ],
    [
      '/v1/invoice-runs',
      'INVOICE_EMPTY',
      'a period before the contract',
      { account: 'acme', month: { year: 2025, month: 12 } },
      undefined,
    ],
    ['/v1/invoice-runs', 'FIELD_INVALID', 'neither period nor month', { account: 'acme' }, '/period'],
    ['/v1/invoice-runs', 'NOT_FOUND', 'an unknown account', { account: 'nobody', period: past }, undefined],
    [`/v1/invoices/${unknownId}/issue`, 'NOT_FOUND', 'an unknown invoice', undefined, undefined],
    [`/v1/invoices/${unknownId}/issue`, 'FIELD_UNKNOWN', 'a body where none is', { force: 'yes' }, undefined],
    ['/v1/invoices/nonsense/issue', 'FIELD_INVALID', 'an id that is none', undefined, '/invoice'],
    ['/v1/nothing', 'NOT_FOUND', 'an unknown path', {}, undefined],
  ])('POST %s answers %s to %s', async (path, code, _what, body, pointer) => {
    const answer = await fixture.send('POST', path, body)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(answer.body).toMatchObject({ code, status: answer.status, type: `urn:vouch:fault:${code}` })
    expect(answer.body['pointer']).toBe(pointer)
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(answer.status).toBeLessThan(500)
  })

  it.each([
    ['/v1/accounts?limit=0', 'FIELD_INVALID'],
    ['/v1/accounts?limit=1000', 'FIELD_INVALID'],
    ['/v1/accounts?page=2', 'FIELD_UNKNOWN'],
    ['/v1/accounts?cursor=bm9uc2Vuc2U', 'CURSOR_INVALID'],
    [`/v1/accounts?cursor=${Buffer.from("listAccounts\n'; DROP").toString('base64url')}`, 'CURSOR_INVALID'],
    ['/v1/accounts/nobody', 'NOT_FOUND'],
    ['/v1/items/compute.cpu?version=9', 'NOT_FOUND'],
    ['/v1/usage?resource=host:a&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'PERIOD_REVERSED'],
    ['/v1/usage?resource=host:a&from=2200-01-01T00:00:00Z&to=2200-01-02T00:00:00Z', 'PERIOD_OPEN'],
    ['/v1/usage/unattributed?from=2200-01-01T00:00:00Z&to=2200-01-02T00:00:00Z', 'PERIOD_OPEN'],
    ['/v1/accounts/%ZZ', 'NOT_FOUND'],
    [`/v1/accounts/${'a'.repeat(300)}`, 'NOT_FOUND'],
  ])('GET %s answers %s', async (path, code) => {
    expect((await fixture.send('GET', path)).body['code']).toBe(code)
  })

  it('names every fault of a body at once', async () => {
    const { body } = await fixture.send('POST', '/v1/items', { idd: 'x', name: '', rounding: { mode: 1 } })
    const found = list(body['errors']).map((error) => `${error['code']!} ${error['pointer']!}`)
    for (const expected of [
      'FIELD_UNKNOWN /idd',
      'FIELD_MISSING /id',
      'FIELD_MISSING /meter',
      'FIELD_INVALID /name',
      'FIELD_INVALID /rounding/mode',
      'FIELD_MISSING /rounding/scale',
    ]) {
      expect(found).toContain(expected)
    }
    expect(body['detail']).toContain('did you mean id?')
  })

  it('takes dimensions of its form alone', async () => {
    const assignment = { account: 'nul', resource: 'host:nul', period: { from: '2026-01-01T00:00:00Z' } }
    const dimensions = { Class: 5, region: { x: 1 }, zone: 'a\u202eb' }
    const { body } = await fixture.send('POST', '/v1/assignments', { ...assignment, dimensions })
    expect(list(body['errors']).map((error) => `${error['code']!} ${error['pointer']!}`)).toEqual([
      'FIELD_UNKNOWN /dimensions/Class',
      'FIELD_INVALID /dimensions/region',
      'FIELD_INVALID /dimensions/zone',
    ])
  })

  it('says in words what a field takes', async () => {
    const { body } = await fixture.send('POST', '/v1/accounts', { ...account, id: 'ACME' })
    expect(body['detail']).toMatch(/^id takes: Lower-case letters, digits/)
  })

  it('needs JSON and an Idempotency-Key', async () => {
    const typed = await fixture.send('POST', '/v1/accounts', 'id: a', { contentType: 'text/yaml' })
    const keyless = await fixture.send('POST', '/v1/accounts', account, { idempotencyKey: null })
    expect([typed.body['code'], keyless.body['code'], keyless.body['pointer']]).toEqual([
      'BODY_MALFORMED',
      'FIELD_MISSING',
      '/idempotency-key',
    ])
  })
})

describe('API keys', () => {
  it('are needed, must be whole, live, and have the scope', async () => {
    const reader = await fixture.key(['read'])
    const expired = await fixture.key(['read'], NOW_MS - 1)
    const ask = (secret: string) => fixture.send('GET', '/v1/accounts', undefined, { secret })
    expect((await ask(reader)).status).toBe(200)
    for (const secret of ['', 'nonsense', expired, reader.slice(0, -1), `${reader.slice(0, -2)}AA`]) {
      const { status, body, headers } = await ask(secret)
      expect([status, body['code'], headers.get('www-authenticate')]).toEqual([
        401,
        'UNAUTHENTICATED',
        'Bearer realm="vouch"',
      ])
    }
    const attempts = [
      fixture.send('POST', '/v1/accounts', account, { secret: reader }),
      fixture.send('POST', `/v1/invoices/${unknownId}/issue`, undefined, {
        secret: await fixture.key(['write']),
      }),
      fixture.send('GET', '/v1/audit', undefined, { secret: reader }),
    ]
    for (const { status, body } of await Promise.all(attempts)) {
      expect([status, body['code']]).toEqual([403, 'FORBIDDEN'])
    }
  })

  it('end at once when revoked', async () => {
    const { id, secret } = await fixture.billing.createApiKey({ name: 'short', scopes: ['read'] })
    await fixture.billing.revokeApiKey(id)
    expect((await fixture.send('GET', '/v1/accounts', undefined, { secret })).status).toBe(401)
    await expect(fixture.billing.revokeApiKey(id)).rejects.toMatchObject({ fault: { code: 'NOT_FOUND' } })
  })

  it('are nowhere in the database', async () => {
    const secret = await fixture.key(['read'])
    const { rows } = await fixture.sql.query(
      `SELECT query_to_xml('SELECT * FROM billing.' || table_name, true, false, '')::text AS content
       FROM information_schema.tables WHERE table_schema = 'billing'`,
    )
    expect(rows.length).toBeGreaterThan(10)
    expect(rows.filter(({ content }) => content.includes(secret.slice(6)))).toEqual([])
  })
})
