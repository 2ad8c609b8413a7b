import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { draw, list, openAccount, publishTariff, startFixture } from '../testing/billing-fixture.ts'
import type { Fixture } from '../testing/billing-fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
  await publishTariff(fixture)
  await publishTariff(fixture, 'dollars', 'USD')
  await fixture.send('POST', '/v1/tariffs', {
    id: 'flat',
    currency: 'EUR',
    amountRounding: 'half-even',
    rules: [{ kind: 'fee', id: 'all', amount: '30.00' }],
  })
  await openAccount(fixture, 'acme')
})
afterAll(() => fixture.close())

const from = { year: 2026, month: 2 }
const ask = (change: object = {}) =>
  fixture.send('POST', '/v1/simulations', {
    account: 'acme',
    from,
    months: 2,
    candidates: [{ id: 'flat' }],
    ...change,
  })

describe('a simulation', () => {
  it('comes to what the invoices come to later, to the cent, and ranks the rest beside them', async () => {
    const { body } = await ask()
    const totals = []
    for (const month of [2, 3]) {
      const { body: invoice } = await fixture.send(
        'POST',
        `/v1/invoices/${await draw(fixture, 'acme', month)}/issue`,
      )
      totals.push(invoice['total'])
    }
    expect(body['courses']).toMatchObject([
      { rank: 1, tariff: { id: 'flat', version: 1 }, total: { amount: '60.00' }, variationPercent: '0.0' },
      { rank: 2, totals, reasons: ['cheapest in 1 of 2 periods', expect.stringContaining('of the mean')] },
    ])
    expect(body['courses']![1]).not.toHaveProperty('tariff')
    expect(body['periods']![0]).toEqual({ from: '2026-01-31T23:00:00Z', to: '2026-02-28T23:00:00Z' })
    // What is invoiced is simulated as before.
    expect((await ask()).body['courses']).toEqual(body['courses'])
  })

  it('says what the cost of the usage leaves, and keeps the ranking in the trail', async () => {
    await fixture.send('POST', '/v1/tariffs', {
      id: 'cost',
      currency: 'EUR',
      amountRounding: 'half-even',
      rules: [{ kind: 'fee', id: 'rack', amount: '12.50' }],
    })
    const { body } = await ask({ cost: { id: 'cost' } })
    expect(body['courses']![0]).toMatchObject({
      tariff: { id: 'flat' },
      margin: { amount: '35.00', currency: 'EUR' },
      marginPercent: '58.3',
      breakEven: 2,
    })
    const { body: trail } = await fixture.send('GET', '/v1/audit?limit=200')
    const [flat, present] = [0, 1].map((index) => body['courses']![index]!['total'])
    const ranking = [
      { tariff: { id: 'flat', version: 1 }, total: flat },
      { tariff: null, total: present },
    ]
    const records = list(trail['items']).map(({ record }): unknown => JSON.parse(String(record)))
    expect(records).toContainEqual(
      expect.objectContaining({ detail: expect.objectContaining({ ranking }) as unknown }),
    )
    const { body: faults } = await ask({ cost: { id: 'dollars' } })
    expect(faults).toMatchObject({ code: 'CURRENCY_MISMATCH', pointer: '/cost' })
    expect((await ask({ cost: { id: 'none' } })).body).toMatchObject({ code: 'NOT_FOUND', pointer: '/cost' })
  })

  it('runs over the end of a year', async () => {
    const { body } = await ask({ from: { year: 2025, month: 12 }, months: 2 })
    expect(body['periods']).toMatchObject([
      { from: '2025-11-30T23:00:00Z' },
      { from: '2025-12-31T23:00:00Z' },
    ])
  })

  it('compares another tariff over the time under contract alone', async () => {
    const period = { from: '2026-01-01T00:00:00Z' }
    const middle = '2026-02-15T00:00:00Z'
    await fixture.send('POST', '/v1/accounts', { id: 'begun', name: 'Begun', timeZone: 'UTC' })
    await fixture.send('POST', '/v1/contracts', {
      account: 'begun',
      tariff: { id: 'standard' },
      period: { from: middle },
    })
    await fixture.send('POST', '/v1/assignments', { account: 'begun', resource: 'host:begun', period })
    const { body } = await ask({ account: 'begun', months: 1, candidates: [{ id: 'standard' }] })
    expect(body['courses']![1]).toMatchObject({
      tariff: { id: 'standard' },
      reasons: ['cheapest in 1 of 1 periods', 'as much as the present contracts'],
    })
    // Without any contract, whole months are compared.
    await fixture.send('POST', '/v1/accounts', { id: 'free', name: 'Free', timeZone: 'UTC' })
    await fixture.send('POST', '/v1/assignments', { account: 'free', resource: 'host:free', period })
    const free = await ask({ account: 'free', months: 1, candidates: [{ id: 'standard' }] })
    const requests = fixture.rating.requests.at(-1)!
    expect(requests.inForce).toEqual(requests.period)
    expect(list(free.body['courses'])).toHaveLength(1)
  })

  it.each([
    ['an unknown account', { account: 'nobody' }, 'NOT_FOUND', undefined],
    ['an unknown tariff', { candidates: [{ id: 'flat' }, { id: 'nope' }] }, 'NOT_FOUND', '/candidates/1'],
    ['another currency', { candidates: [{ id: 'dollars' }] }, 'CURRENCY_MISMATCH', '/candidates/0'],
    ['a month that has not begun', { from: { year: 2026, month: 6 } }, 'PERIOD_OPEN', '/months'],
    ['no month', { months: 0 }, 'FIELD_INVALID', '/months'],
    ['no candidate', { candidates: [] }, 'FIELD_INVALID', '/candidates'],
  ])('of %s is refused', async (_, change, code, pointer) => {
    const { body } = await ask(change)
    const fault = (body['errors']?.[0] ?? body) as Record<string, unknown>
    expect(fault['code']).toBe(code)
    expect(fault['pointer']).toBe(pointer)
  })
})

describe('usage of an account', () => {
  it('is fetched for what is assigned, in each form', async () => {
    const query = 'from=2026-01-31T23:00:00Z&to=2026-02-28T23:00:00Z&grain=month&meter=host.cpu.used'
    const { body } = await fixture.send('GET', `/v1/accounts/acme/usage?${query}&format=json`)
    expect(body['rows']).toEqual([
      {
        Resource: 'host:acme',
        Dimensions: null,
        Meter: 'host.cpu.used',
        Unit: 'ms',
        From: '2026-01-31T23:00:00Z',
        To: '2026-02-28T23:00:00Z',
        Quantity: '2419200',
        CoveredMinutes: '1',
      },
    ])
    const { bytes } = await fixture.send('GET', `/v1/accounts/acme/usage?${query}`)
    expect(new TextDecoder().decode(bytes).split('\r\n')[1]).toBe(
      'host:acme,,host.cpu.used,ms,2026-01-31T23:00:00Z,2026-02-28T23:00:00Z,2419200,1',
    )
  })

  it.each([
    ['an unknown account', 'nobody/usage?from=2026-02-01T00:00:00Z&to=2026-03-01T00:00:00Z', 'NOT_FOUND'],
    ['a period to come', 'acme/usage?from=2200-03-01T00:00:00Z&to=2200-04-01T00:00:00Z', 'PERIOD_OPEN'],
    ['a reversed period', 'acme/usage?from=2026-03-01T00:00:00Z&to=2026-02-01T00:00:00Z', 'PERIOD_REVERSED'],
    [
      'an unknown grain',
      'acme/usage?from=2026-02-01T00:00:00Z&to=2026-03-01T00:00:00Z&grain=week',
      'FIELD_INVALID',
    ],
  ])('of %s is refused', async (_, path, code) => {
    expect((await fixture.send('GET', `/v1/accounts/${path}`)).body['code']).toBe(code)
  })
})
