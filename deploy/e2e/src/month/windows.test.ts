import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestEngine } from '@vouch/clickhouse'
import { createTestDatabase } from '@vouch/postgres'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { verifyProof } from '@vouch/rating/verify/verify.ts'
import { createCatalogue } from './customers.ts'
import { meter } from './metering.ts'
import { startServices } from './services.ts'
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

interface Invoice {
  readonly id: string
  readonly lines: readonly {
    readonly rule: string
    readonly kind: string
    readonly quantity?: string
    readonly amount: { readonly amount: string }
  }[]
}

let services: Services
beforeAll(async () => {
  const engine = await createTestEngine()
  const postgres = await createTestDatabase()
  services = await startServices({
    postgresUrl: postgres.url,
    clickhouse: engine.connect,
    clickhouseSettings: { VOUCH_DATA_DIR: tmpdir(), VOUCH_CLICKHOUSE_DATABASE: engine.database },
    dispose: async () => {
      await engine.dispose()
      await postgres.dispose()
    },
  })
  const { rest } = services
  await createCatalogue(rest)
  await rest.post('/v1/accounts', { id: 'delta', name: 'Customer delta', timeZone: 'UTC' })
  await rest.post('/v1/tariffs', {
    id: 'quarterly',
    currency: 'EUR',
    amountRounding: 'half-up',
    rules: RULES,
  })
  const period = { from: '2026-01-01T00:00:00Z' }
  await rest.post('/v1/contracts', { account: 'delta', tariff: { id: 'quarterly' }, period })
  await rest.post('/v1/assignments', { account: 'delta', resource: DELTA.resource, period })
  // Two days of January, one of February.
  await metered('2026-01-30', '2026-02-02')
}, 240_000)
afterAll(() => services.stop(), 60_000)

const metered = (from: string, to: string) => meter(services, DELTA, Date.parse(from), Date.parse(to))

async function draw(month: number, account = 'delta'): Promise<string> {
  const body = { account, month: { year: 2026, month } }
  const { invoices } = await services.rest.post<{ invoices: { id: string }[] }>('/v1/invoice-runs', body)
  return invoices[0]!.id
}

/** Ends the contract of the account that was made as the nth. */
async function end(nth: number, to: string): Promise<void> {
  const { items } = await services.rest.get<{ items: { id: string; account: string }[] }>('/v1/contracts')
  const own = items.filter(({ account }) => account === 'delta')
  await services.rest.post(`/v1/contracts/${own[nth]!.id}/end`, { to })
}

/** Issues an invoice whose proof then holds; gives its lines. */
async function issued(id: string) {
  const { rest, issuerPublicKey } = services
  await rest.post(`/v1/invoices/${id}/issue`)
  const proof = Buffer.from(await rest.bytes(`/v1/invoices/${id}/proof`)).toString('utf8')
  unwrap(verifyProof(proof, { issuer: issuerPublicKey }))
  const { lines } = await rest.get<Invoice>(`/v1/invoices/${id}`)
  return lines.map(({ rule, kind, quantity, amount }) => [rule, kind, quantity, amount.amount])
}

it('a year of the contract that ends inside a month is closed with a statement of its own', async () => {
  const { rest } = services
  const rules = [
    { kind: 'fee', id: 'base', amount: '31' },
    { kind: 'minimum', id: 'least', amount: '100', window: 'contract-year' },
  ]
  await rest.post('/v1/accounts', { id: 'yearly', name: 'Customer yearly', timeZone: 'UTC' })
  await rest.post('/v1/tariffs', { id: 'yearly', currency: 'EUR', amountRounding: 'half-up', rules })
  const period = { from: '2025-03-15T00:00:00Z' }
  await rest.post('/v1/contracts', { account: 'yearly', tariff: { id: 'yearly' }, period })
  expect(await issued(await draw(3, 'yearly'))).toEqual([
    ['base', 'fee', '1', '14.00'],
    ['least', 'minimum', undefined, '86.00'],
    ['base', 'fee', '1', '17.00'],
  ])
})

describe('a tariff that counts over quarters, billed by the month', () => {
  let february: string

  it('goes on where the months before end, and refuses a draft that does not', async () => {
    const january = await draw(1)
    const stale = await draw(2)
    expect(await issued(january)).toEqual([
      ['cpu', 'usage', '24', '24.00'],
      ['base', 'fee', '1', '10.00'],
    ])
    await expect(issued(stale)).rejects.toMatchObject({ code: 'DRAFT_STALE' })
    february = await draw(2)
    expect(await issued(february)).toEqual([
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
    expect(await issued(await draw(3))).toEqual([
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
    const april = await draw(4)
    await end(0, '2026-05-01T00:00:00Z')
    await expect(issued(april)).rejects.toMatchObject({ code: 'DRAFT_STALE' })
    expect(await issued(await draw(4))).toEqual([
      ['cpu', 'usage', '12', '12.00'],
      ['base', 'fee', '1', '10.00'],
      // 30 of 91 days: 49.45.
      ['commit', 'true-up', undefined, '27.45'],
    ])
    await services.rest.post('/v1/contracts', {
      account: 'delta',
      tariff: { id: 'quarterly' },
      period: { from: '2026-05-01T00:00:00Z' },
    })
    expect(await issued(await draw(5))).toEqual([
      ['cpu', 'usage', '0', '0.00'],
      ['base', 'fee', '1', '10.00'],
      // The contract goes on: nothing is trued up before the end of June.
      ['commit', 'true-up', undefined, '-27.45'],
    ])
    expect(await issued(await draw(6))).toEqual([
      ['cpu', 'usage', '0', '0.00'],
      ['base', 'fee', '1', '10.00'],
      ['commit', 'true-up', undefined, '108.00'],
    ])
  })

  it('is trued up with the next run where the contract ends with an invoice that is issued', async () => {
    await issued(await draw(7))
    await end(1, '2026-08-01T00:00:00Z')
    // 31 of 92 days, less 10.00.
    expect(await issued(await draw(8))).toEqual([['commit', 'true-up', undefined, '40.54']])
  })
})
