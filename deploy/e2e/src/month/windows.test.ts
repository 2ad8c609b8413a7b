import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCatalogue } from './customers.ts'
import { openCustomer, startEmbedded } from './embedded.ts'
import type { Customer } from './embedded.ts'
import { meter } from './metering.ts'
import type { Services } from './services.ts'
import type { HostScript } from './virtual-host.ts'

/** When it boots, to run for a few days. */
const BOOTS = ['2026-01-30', '2026-02-20', '2026-03-30'].map((day) => Date.parse(day))
/** Half a core: 12 core-hours a day. */
const DELTA: HostScript = {
  resource: 'host:delta',
  milliCores: 500n,
  memoryMib: () => 1024n,
  bootedMs: (atMs) => BOOTS.findLast((bootMs) => bootMs <= atMs)!,
}
const RULES = [
  {
    kind: 'usage',
    id: 'cpu',
    item: 'cpu',
    window: 'quarter',
    price: { model: 'graduated', tiers: [{ upTo: '30', unitPrice: '1' }, { unitPrice: '0.5' }] },
  },
  { kind: 'fee', id: 'base', amount: '10', proration: 'none' },
  { kind: 'commitment', id: 'commit', amount: '150', overageFactor: '1.5', window: 'quarter' },
]

let services: Services
let delta: Customer
let contract: string
beforeAll(async () => {
  services = await startEmbedded()
  const { rest } = services
  await createCatalogue(rest)
  delta = await openCustomer(services, 'delta')
  await rest.post('/v1/tariffs', {
    id: 'quarterly',
    currency: 'EUR',
    amountRounding: 'half-up',
    rules: RULES,
  })
  contract = await delta.agree('quarterly', '2026-01-01T00:00:00Z')
  const period = { from: '2026-01-01T00:00:00Z' }
  await rest.post('/v1/assignments', { account: 'delta', resource: DELTA.resource, period })
  // Two days of January, one of February.
  await metered('2026-01-30', '2026-02-02')
}, 240_000)
afterAll(() => services.stop(), 60_000)

const metered = (from: string, to: string) => meter(services, DELTA, Date.parse(from), Date.parse(to))
const rows = (lines: Awaited<ReturnType<Customer['issue']>>) =>
  lines.map(({ rule, kind, quantity, amount }) => [rule, kind, quantity, amount.amount])

it('a year of the contract that ends inside a month is closed with a statement of its own', async () => {
  const { rest } = services
  const rules = [
    { kind: 'fee', id: 'base', amount: '31' },
    { kind: 'minimum', id: 'least', amount: '100', window: 'contract-year' },
  ]
  const yearly = await openCustomer(services, 'yearly')
  await rest.post('/v1/tariffs', { id: 'yearly', currency: 'EUR', amountRounding: 'half-up', rules })
  await yearly.agree('yearly', '2025-03-15T00:00:00Z')
  expect(rows(await yearly.bill(3))).toEqual([
    ['base', 'fee', '1', '14.00'],
    ['least', 'minimum', undefined, '86.00'],
    ['base', 'fee', '1', '17.00'],
  ])
})

describe('a tariff that counts over quarters, billed by the month', () => {
  let february: string

  it('goes on where the months before end, and refuses a draft that does not', async () => {
    const january = await delta.draw(1)
    const stale = await delta.draw(2)
    expect(rows(await delta.issue(january))).toEqual([
      ['cpu', 'usage', '24', '24.00'],
      ['base', 'fee', '1', '10.00'],
    ])
    await expect(delta.issue(stale)).rejects.toMatchObject({ code: 'DRAFT_STALE' })
    february = await delta.draw(2)
    expect(rows(await delta.issue(february))).toEqual([
      // 24 before: 6 at 1.00, 6 at 0.50.
      ['cpu', 'usage', '12', '9.00'],
      ['base', 'fee', '1', '10.00'],
    ])
  })

  it('counts what came late, and trues up with the month that ends the quarter', async () => {
    await metered('2026-02-20', '2026-02-22')
    await metered('2026-03-30', '2026-04-02')
    const { statements } = await services.rest.get<{ statements: { lines: { difference: object }[] }[] }>(
      `/v1/invoices/${february}/rerating`,
    )
    expect(statements[0]!.lines.map(({ difference }) => difference)).toEqual([
      { amount: '12.00', currency: 'EUR' },
    ])
    expect(rows(await delta.bill(3))).toEqual([
      ['cpu', 'usage', '24', '12.00'],
      ['base', 'fee', '1', '10.00'],
      // 150 less 24 + 9 + 12 + 12 and three times 10, as one invoice over the quarter has it.
      ['commit', 'true-up', undefined, '63.00'],
      ['cpu', 'late-usage', '24', '12.00'],
    ])
    for (const usage of ['frozen', 'current']) {
      const path = `/v1/invoices/${february}/rerating?usage=${usage}`
      const { difference } = await services.rest.get<{ difference: { amount: string } }>(path)
      expect(difference.amount).toBe('0.00')
    }
  })

  it('sells all that its tariff has, and says what else is measured or in the catalogue', async () => {
    const period = 'from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z'
    const memory = { meter: 'host.memory.held', reason: 'no-tariff' }
    expect(await services.rest.get(`/v1/catalogue/orphans?${period}`)).toEqual({
      meters: [{ ...memory, unit: expect.any(String), resources: 1 }],
      items: [{ ...memory, item: 'memory', name: 'Memory' }],
    })
  })

  it('comes to the same in a simulation of the quarter', async () => {
    const { courses } = await services.rest.post<{ courses: { totals: { amount: string }[] }[] }>(
      '/v1/simulations',
      { account: 'delta', from: { year: 2026, month: 1 }, months: 3, candidates: [{ id: 'quarterly' }] },
    )
    const totals = courses.map((course) => course.totals.map(({ amount }) => amount))
    expect(totals).toEqual([
      ['34.00', '31.00', '85.00'],
      ['34.00', '31.00', '85.00'],
    ])
  })

  it('ends with the contract, prorated, and goes on where the next one of the tariff follows', async () => {
    const april = await delta.draw(4)
    await delta.end(contract, '2026-05-01T00:00:00Z')
    await expect(delta.issue(april)).rejects.toMatchObject({ code: 'DRAFT_STALE' })
    expect(rows(await delta.bill(4))).toEqual([
      ['cpu', 'usage', '12', '12.00'],
      ['base', 'fee', '1', '10.00'],
      // 30 of 91 days: 49.45.
      ['commit', 'true-up', undefined, '27.45'],
    ])
    contract = await delta.agree('quarterly', '2026-05-01T00:00:00Z')
    expect(rows(await delta.bill(5))).toEqual([
      ['cpu', 'usage', '0', '0.00'],
      ['base', 'fee', '1', '10.00'],
      // The contract goes on: nothing is trued up before the end of June.
      ['commit', 'true-up', undefined, '-27.45'],
    ])
    expect(rows(await delta.bill(6))).toEqual([
      ['cpu', 'usage', '0', '0.00'],
      ['base', 'fee', '1', '10.00'],
      ['commit', 'true-up', undefined, '108.00'],
    ])
  })

  it('is trued up with the next run where the contract ends with an invoice that is issued', async () => {
    await delta.bill(7)
    await delta.end(contract, '2026-08-01T00:00:00Z')
    // 31 of 92 days, less 10.00.
    expect(rows(await delta.bill(8))).toEqual([['commit', 'true-up', undefined, '40.54']])
  })
})

describe('what a commitment is short of when its contract ends', () => {
  const rules = [
    { kind: 'fee', id: 'base', amount: '10', proration: 'none' },
    { kind: 'commitment', id: 'commit', amount: '150', window: 'quarter' },
  ]
  const publish = async (id: string, list: object[]) =>
    services.rest.post('/v1/tariffs', { id, currency: 'EUR', amountRounding: 'half-up', rules: list })

  it.each([
    ['rejects', { lateUsage: 'reject' }],
    ['has a minimum for late usage', { lateMinimum: '100' }],
  ])('is billed though it %s', async (name, closing) => {
    const id = name.split(' ')[0]!
    const customer = await openCustomer(services, id)
    await publish(id, rules)
    const own = await customer.agree(id, '2026-01-01T00:00:00Z', closing)
    await customer.bill(1)
    await customer.bill(2)
    await customer.end(own, '2026-03-01T00:00:00Z')
    // 59 of 90 days of 150, less two fees.
    expect(rows(await customer.bill(3))).toEqual([['commit', 'true-up', undefined, '78.33']])
  })

  it('is billed though a new version of the tariff promises nothing', async () => {
    const customer = await openCustomer(services, 'renewed')
    await publish('renewed', rules)
    const own = await customer.agree('renewed', '2026-01-01T00:00:00Z')
    await customer.bill(1)
    await customer.bill(2)
    await customer.end(own, '2026-03-01T00:00:00Z')
    await publish('renewed', rules.slice(0, 1))
    await customer.agree('renewed', '2026-03-01T00:00:00Z')
    expect(rows(await customer.bill(3))).toEqual([
      ['base', 'fee', '1', '10.00'],
      ['commit', 'true-up', undefined, '78.33'],
    ])
  })
})
