import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { draw, openAccount, publishTariff, startFixture } from '../testing/billing-fixture.ts'
import type { Fixture } from '../testing/billing-fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
  await publishTariff(fixture)
})
afterAll(() => fixture.close())

const RULES = [
  {
    price: { unitPrice: '12.042', model: 'per-unit' },
    kind: 'usage',
    item: 'compute.cpu',
    id: 'cpu',
    per: 'resource',
  },
  { kind: 'fee', id: 'rebate', amount: '-100.00' },
]
/** Lists in lists. */
const deep = (levels: number): unknown => (levels === 0 ? [] : [deep(levels - 1)])
const tariff = { id: 'ruled', currency: 'EUR', amountRounding: 'half-even', rules: RULES }

/** An account under a tariff of rules. */
async function openRuled(account: string, resource = `host:${account}`, more: object = {}): Promise<void> {
  const period = { from: '2026-01-01T00:00:00Z' }
  await fixture.send('POST', '/v1/accounts', { id: account, name: account, timeZone: 'Europe/Berlin' })
  await fixture.send('POST', '/v1/contracts', { account, tariff: { id: 'ruled' }, period })
  await fixture.send('POST', '/v1/assignments', { account, resource, period, ...more })
}

describe('a tariff of rules', () => {
  it('is published as it was given, members in order, with the versions of its items', async () => {
    const { status, body } = await fixture.send('POST', '/v1/tariffs', {
      ...tariff,
      roundingStage: 'document',
      items: [{ item: 'compute.cpu', version: 1 }],
    })
    expect(status).toBe(201)
    const published = {
      id: 'ruled',
      version: 1,
      currency: 'EUR',
      amountRounding: 'half-even',
      roundingStage: 'document',
      items: [{ item: 'compute.cpu', version: 1 }],
      rules: RULES,
    }
    expect(body).toEqual(published)
    expect((await fixture.send('GET', '/v1/tariffs/ruled')).body).toEqual(published)
    expect(Object.keys(body['rules']![0]!)).toEqual(['id', 'item', 'kind', 'per', 'price'])
    expect(Object.keys(body['rules']![0]!['price']!)).toEqual(['model', 'unitPrice'])
  })

  it.each<[string, object, string, readonly string[]]>([
    ['neither prices nor rules', { rules: undefined }, 'TARIFF_INVALID', ['/rules']],
    [
      'prices and rules',
      { prices: [{ item: 'compute.cpu', unitPrice: { amount: '1', currency: 'EUR' } }] },
      'TARIFF_INVALID',
      ['/rules'],
    ],
    [
      'a rule that rating refuses, in full',
      { rules: [RULES[0], { kind: 'nonsense' }, { kind: 'nonsense' }] },
      'TARIFF_INVALID',
      ['/rules/1/kind', '/rules/2/kind'],
    ],
    ['an item that is not there', { rules: [{ ...RULES[0], item: 'nope' }] }, 'NOT_FOUND', ['/rules/0/item']],
    [
      'a version of an item that no rule names',
      { items: [{ item: 'network.out', version: 1 }] },
      'TARIFF_INVALID',
      ['/items/0/item'],
    ],
    [
      'what is wrong here and what rating refuses',
      { currency: 'ZZZ', rules: [{ ...RULES[0], item: 'nope' }, { kind: 'nonsense' }] },
      'TARIFF_INVALID',
      ['/currency', '/rules/0/item', '/rules/1/kind'],
    ],
    ['text with a NUL', { rules: [{ ...RULES[1], name: 'a\u0000b' }] }, 'FIELD_INVALID', ['/rules/0/name']],
    [
      'a rule too deep',
      { rules: [{ ...RULES[1], name: deep(20) }] },
      'FIELD_INVALID',
      [`/rules/0/name${'/0'.repeat(15)}`],
    ],
    [
      'a dozen faults of form',
      { items: Array.from({ length: 12 }, () => ({ item: 'compute.cpu', version: 0 })) },
      'FIELD_INVALID',
      Array.from({ length: 12 }, (_, index) => `/items/${index}/version`),
    ],
    ['no rule', { rules: [] }, 'FIELD_INVALID', ['/rules']],
    ['a rule that is no object', { rules: ['x'] }, 'FIELD_INVALID', ['/rules/0']],
  ])('is refused with %s', async (_, change, code, pointers) => {
    const { body } = await fixture.send('POST', '/v1/tariffs', { ...tariff, ...change })
    const faults = (body['errors'] ?? [body]) as unknown as { code: string; pointer: string }[]
    expect(faults.map(({ pointer }) => pointer)).toEqual(pointers)
    expect(body['code'] ?? faults[0]?.code).toBe(code)
  })
})

describe('an invoice by rules', () => {
  it('may come to less than nothing, and its journal balances', async () => {
    await openRuled('credit', 'host:credit', { dimensions: { class: 'gold', region: 'eu-1' } })
    const id = await draw(fixture, 'credit', 2)
    // 672 hours of a thousandth of a core: 0.672 × 12.042 = 8.092224; the fee gives 100 back.
    const { body } = await fixture.send('POST', `/v1/invoices/${id}/issue`)
    expect(body).toMatchObject({ status: 'issued', total: { amount: '-91.91', currency: 'EUR' } })
    expect(body['lines']).toMatchObject([
      {
        kind: 'usage',
        rule: 'cpu',
        item: 'compute.cpu',
        resource: 'host:credit',
        unitPrice: { amount: '12.042' },
      },
      { kind: 'fee', rule: 'rebate', item: 'rebate', streams: [] },
    ])
    expect(body['lines']![1]).not.toHaveProperty('resource')
    expect(body['lines']![1]).not.toHaveProperty('unitPrice')
    const { body: journal } = await fixture.send('GET', '/v1/journal')
    const postings = journal['items']![0]!['postings'] as unknown as {
      subject: string
      amount: { amount: string }
    }[]
    expect(postings.map(({ subject, amount }) => [subject, amount.amount])).toEqual([
      ['credit', '-91.91'],
      ['compute.cpu', '-8.09'],
      ['rebate', '100.00'],
    ])
  })

  it('asks rating with the dimensions of the assignment, and says how far archives reached', async () => {
    const asked = fixture.rating.requests.at(-1)
    expect(asked?.assignments[0]?.dimensions).toEqual({ class: 'gold', region: 'eu-1' })
    expect(asked?.timeZone).toBe('Europe/Berlin')
    const { body } = await fixture.send('GET', '/v1/invoices?account=credit')
    const invoice = await fixture.send('GET', `/v1/invoices/${body['items']![0]!['id']!}`)
    expect(invoice.body['statements']).toMatchObject([
      {
        tariff: { id: 'ruled', version: 1 },
        snapshotSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        watermarks: [{ agent: '07'.repeat(16), sequence: '1' }],
        unpriced: [],
      },
    ])
  })

  it('lists usage that has no price', async () => {
    await openRuled('parked', 'host:unpriced')
    const id = await draw(fixture, 'parked', 2)
    const { body } = await fixture.send('GET', `/v1/invoices/${id}`)
    expect(body['statements']![0]!['unpriced']).toEqual([
      {
        resource: 'host:unpriced',
        meter: 'host.cpu.used',
        periods: [{ from: '2026-01-31T23:00:00Z', to: '2026-02-28T23:00:00Z' }],
      },
    ])
  })

  it('is not issued while lines are held, unless somebody releases it and says why', async () => {
    await openRuled('patchy', 'host:patchy')
    const id = await draw(fixture, 'patchy', 2)
    const release = (body: object = { reason: 'the host was off, the customer knows' }, path = id) =>
      fixture.send('POST', `/v1/invoices/${path}/release`, body)
    const refused = await fixture.send('POST', `/v1/invoices/${id}/issue`)
    expect(refused.body).toMatchObject({
      code: 'USAGE_INCOMPLETE',
      detail: expect.stringContaining('lines 1'),
    })
    expect((await release({ reason: '' })).body['code']).toBe('FIELD_INVALID')
    const released = await release()
    expect(released.body).toMatchObject({
      lines: [{ held: true }, { held: false }],
      release: { reason: 'the host was off, the customer knows' },
    })
    const { body } = await fixture.send('POST', `/v1/invoices/${id}/issue`)
    expect(body).toMatchObject({
      status: 'issued',
      release: { reason: 'the host was off, the customer knows' },
    })
    expect((await release()).body['code']).toBe('INVOICE_ISSUED')
    const again = await draw(fixture, 'patchy', 3)
    expect((await fixture.send('POST', `/v1/invoices/${again}/issue`)).body['code']).toBe('USAGE_INCOMPLETE')
    const { body: other } = await fixture.send('GET', '/v1/invoices?account=parked')
    expect((await release(undefined, other['items']![0]!['id'])).body['code']).toBe('FIELD_INVALID')
  })

  it('hands what is noted of availability to rating, summed over the period, and no more than it', async () => {
    await openRuled('served')
    const note = (from: string, to: string, available: string) =>
      fixture.send('POST', '/v1/availability', {
        account: 'served',
        service: 'api',
        period: { from, to },
        expected: '1440',
        available,
      })
    expect((await note('2026-02-01T00:00:00Z', '2026-02-02T00:00:00Z', '1440')).status).toBe(201)
    expect((await note('2026-02-02T00:00:00Z', '2026-02-03T00:00:00Z', '1000.5')).status).toBe(201)
    expect((await note('2026-02-28T22:00:00Z', '2026-03-01T22:00:00Z', '1')).status).toBe(201)
    expect((await note('2026-02-02T12:00:00Z', '2026-02-03T12:00:00Z', '1')).body['code']).toBe(
      'ALREADY_EXISTS',
    )
    expect((await note('2026-03-02T00:00:00Z', '2026-03-03T00:00:00Z', '1441')).body).toMatchObject({
      code: 'OUT_OF_RANGE',
      pointer: '/available',
    })
    const id = await draw(fixture, 'served', 2)
    expect(fixture.rating.rated.at(-1)?.availability).toMatchObject([
      { service: 'api', expected: '2880', available: '2440.5' },
    ])
    await fixture.send('POST', `/v1/invoices/${id}/issue`)
    expect((await note('2026-02-10T00:00:00Z', '2026-02-11T00:00:00Z', '1')).body['code']).toBe(
      'INVOICE_ISSUED',
    )
  })

  it('is for what attribution rules give, by the share that they say, beside what is assigned', async () => {
    await openRuled('sharer')
    await openRuled('partner')
    fixture.rating.resources = ['host:shared', 'host:sharer']
    const { status } = await fixture.send('POST', '/v1/attribution-rule-sets', {
      effectiveFrom: '2026-01-01T00:00:00Z',
      rules: [
        {
          id: 'split',
          priority: 1,
          when: { resource: 'host:shared' },
          to: [
            { account: 'sharer', percent: '33.34' },
            { account: 'partner', percent: '66.66' },
          ],
        },
      ],
    })
    expect(status).toBe(201)
    const draft = await draw(fixture, 'sharer', 2)
    expect(fixture.rating.requests.at(-1)?.assignments).toMatchObject([
      { resource: 'host:sharer', share: '', itself: false },
      { resource: 'host:shared', share: '0.3334' },
    ])
    fixture.rating.resources = []
    // What rules give may change again.
    await fixture.send('DELETE', `/v1/invoices/${draft}`)
  })

  it('has fees where nothing is assigned, and none of two contracts at one time', async () => {
    const period = { from: '2026-01-01T00:00:00Z' }
    await fixture.send('POST', '/v1/accounts', { id: 'bare', name: 'Bare', timeZone: 'UTC' })
    await fixture.send('POST', '/v1/contracts', { account: 'bare', tariff: { id: 'ruled' }, period })
    const id = await draw(fixture, 'bare', 2)
    const { body } = await fixture.send('GET', `/v1/invoices/${id}`)
    expect(body).toMatchObject({ total: { amount: '-100.00' }, lines: [{ rule: 'rebate' }] })
    await openAccount(fixture, 'plain')
    expect(
      (await fixture.send('GET', `/v1/invoices/${await draw(fixture, 'plain', 2)}`)).body['lines'],
    ).toHaveLength(2)
  })
})
