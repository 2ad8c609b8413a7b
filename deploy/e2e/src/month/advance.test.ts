import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { focusViolations } from '@vouch/billing-api/testing/focus-conformance.ts'
import { createCatalogue } from './customers.ts'
import { openCustomer, startEmbedded } from './embedded.ts'
import type { Customer } from './embedded.ts'
import { meter } from './metering.ts'
import type { Services } from './services.ts'
import type { HostScript } from './virtual-host.ts'

/** Half a core on one day of February: 12 core-hours. */
const HOST: HostScript = {
  resource: 'host:ahead',
  milliCores: 500n,
  memoryMib: () => 1024n,
  bootedMs: () => Date.parse('2026-02-10'),
}
const base = (amount: string) => ({ kind: 'fee', id: 'base', amount, timing: 'advance' })
const TARIFFS = {
  ahead: [
    { kind: 'usage', id: 'cpu', item: 'cpu', price: { model: 'per-unit', unitPrice: '1' } },
    base('31'),
    { kind: 'fee', id: 'support', amount: '5', proration: 'none' },
  ],
  plus: [base('62')],
}

let services: Services
beforeAll(async () => {
  services = await startEmbedded()
  await createCatalogue(services.rest)
  for (const [id, rules] of Object.entries(TARIFFS))
    await services.rest.post('/v1/tariffs', { id, currency: 'EUR', amountRounding: 'half-up', rules })
}, 240_000)
afterAll(() => services.stop(), 60_000)

const day = (text: string) => `2026-${text}T00:00:00Z`
const rows = (lines: Awaited<ReturnType<Customer['issue']>>) =>
  lines.map(({ rule, kind, period, amount }) => [rule, kind, period.from.slice(5, 10), amount.amount])

describe('a fee in advance', () => {
  let ahead: Customer
  let contract: string
  let february: string

  it('comes to in a simulation what its invoices will', async () => {
    ahead = await openCustomer(services, 'ahead')
    contract = await ahead.agree('ahead', day('01-01'))
    const { courses } = await services.rest.post<{
      courses: { totals: { amount: string }[]; tariff?: object }[]
    }>('/v1/simulations', {
      account: 'ahead',
      from: { year: 2026, month: 1 },
      months: 3,
      candidates: [{ id: 'ahead' }],
    })
    const totals = Object.fromEntries(
      courses.map(({ tariff, totals: all }) => [
        tariff === undefined ? 'present' : 'other',
        all.map(({ amount }) => amount),
      ]),
    )
    expect(totals).toEqual({
      present: ['67.00', '36.00', '36.00'],
      // Months are compared by what they cost, whenever that is billed.
      other: ['36.00', '36.00', '36.00'],
    })
  })

  it('is billed for the first period and the next one, then for the next one alone', async () => {
    expect(rows(await ahead.bill(1))).toEqual([
      ['base', 'fee', '01-01', '31.00'],
      ['support', 'fee', '01-01', '5.00'],
      ['base', 'fee', '02-01', '31.00'],
    ])
    await ahead.draw(2)
    february = await ahead.draw(2)
    expect(rows(await ahead.issue(february))).toEqual([
      ['support', 'fee', '02-01', '5.00'],
      ['base', 'fee', '03-01', '31.00'],
    ])
  })

  it('is not taken for an invoice of its period: a contract may change there, and gives back the rest', async () => {
    await ahead.end(contract, day('03-16'))
    contract = await ahead.agree('plus', day('03-16'))
    const march = await ahead.draw(3)
    await ahead.end(contract, day('04-16'))
    await expect(ahead.issue(march)).rejects.toMatchObject({ code: 'DRAFT_STALE' })
    expect(rows(await ahead.bill(3))).toEqual([
      // 15 of 31 days, of which all was billed.
      ['base', 'fee', '03-01', '-16.00'],
      ['support', 'fee', '03-01', '5.00'],
      ['base', 'fee', '03-16', '32.00'],
      ['base', 'fee', '04-01', '31.00'],
    ])
  })

  it('is given back by whoever draws after the end, where nothing is under contract any more', async () => {
    await ahead.end(contract, day('04-01'))
    const { invoices } = await services.rest.post<{ invoices: { id: string; buyer: { id: string } }[] }>(
      '/v1/invoice-runs',
      { month: { year: 2026, month: 4 } },
    )
    const own = invoices.find(({ buyer }) => buyer.id === 'ahead')!
    const lines = await ahead.issue(own.id)
    expect(rows(lines)).toEqual([['base', 'fee', '04-01', '-31.00']])
    await expect(ahead.draw(5)).rejects.toMatchObject({ code: 'INVOICE_EMPTY' })
  })

  it('is given back too where the contract takes no late usage', async () => {
    const customer = await openCustomer(services, 'rejecting')
    const own = await customer.agree('plus', day('01-01'), { lateUsage: 'reject' })
    await customer.bill(1)
    await customer.end(own, day('02-01'))
    const { invoices } = await services.rest.post<{ invoices: { buyer: { id: string }; total: object }[] }>(
      '/v1/invoice-runs',
      { month: { year: 2026, month: 2 } },
    )
    expect(invoices.find(({ buyer }) => buyer.id === 'rejecting')?.total).toEqual({
      amount: '-62.00',
      currency: 'EUR',
    })
  })

  it('counts in the window of its own period, once', async () => {
    const rules = [base('31'), { kind: 'minimum', id: 'least', amount: '200', window: 'quarter' }]
    await services.rest.post('/v1/tariffs', { id: 'both', currency: 'EUR', amountRounding: 'half-up', rules })
    const customer = await openCustomer(services, 'both')
    await customer.agree('both', day('01-01'))
    await customer.bill(1)
    await customer.bill(2)
    expect(rows(await customer.bill(3))).toEqual([
      ['least', 'minimum', '03-01', '107.00'],
      ['base', 'fee', '04-01', '31.00'],
    ])
  })

  it('is not due again when late usage is', async () => {
    const period = { from: day('01-01') }
    const late = await openCustomer(services, 'late')
    await late.agree('ahead', day('01-01'))
    await services.rest.post('/v1/assignments', { account: 'late', resource: HOST.resource, period })
    await late.bill(1)
    const id = await late.draw(2)
    await late.issue(id)
    await meter(services, HOST, Date.parse('2026-02-10'), Date.parse('2026-02-11'))
    const difference = async (usage: string) => {
      const path = `/v1/invoices/${id}/rerating?usage=${usage}`
      return (await services.rest.get<{ difference: { amount: string } }>(path)).difference.amount
    }
    expect([await difference('frozen'), await difference('current')]).toEqual(['0.00', '12.00'])
    expect(rows(await late.bill(3))).toEqual([
      ['cpu', 'usage', '03-01', '0.00'],
      ['support', 'fee', '03-01', '5.00'],
      ['base', 'fee', '04-01', '31.00'],
      ['cpu', 'late-usage', '02-01', '12.00'],
    ])
    expect([await difference('frozen'), await difference('current')]).toEqual(['0.00', '0.00'])
  })

  it('is in the FOCUS dataset with its own period', async () => {
    const query = 'from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z&format=json&account=ahead'
    const { rows: charges } = await services.rest.get<{ rows: Record<string, string | null>[] }>(
      `/v1/exports/focus?${query}`,
    )
    expect(focusViolations(charges)).toEqual([])
    expect(charges.map((row) => [row['ChargePeriodStart'], row['BilledCost']])).toEqual([
      [day('01-01'), '31.00'],
      [day('01-01'), '5.00'],
      [day('02-01'), '31.00'],
    ])
  })
})

describe('the order of issue', () => {
  it('makes a draft stale whose fees an earlier invoice has billed since', async () => {
    const customer = await openCustomer(services, 'order')
    await customer.agree('plus', day('01-01'))
    const [january, february] = [await customer.draw(1), await customer.draw(2)]
    await customer.issue(january)
    await expect(customer.issue(february)).rejects.toMatchObject({ code: 'DRAFT_STALE' })
    expect(rows(await customer.bill(2))).toEqual([['base', 'fee', '03-01', '62.00']])
  })

  it('makes a draft stale that bills in advance what a later invoice has billed since', async () => {
    const customer = await openCustomer(services, 'reverse')
    await customer.agree('plus', day('01-01'))
    const [january, february] = [await customer.draw(1), await customer.draw(2)]
    expect(rows(await customer.issue(february))).toEqual([
      ['base', 'fee', '02-01', '62.00'],
      ['base', 'fee', '03-01', '62.00'],
    ])
    await expect(customer.issue(january)).rejects.toMatchObject({ code: 'DRAFT_STALE' })
    expect(rows(await customer.bill(1))).toEqual([['base', 'fee', '01-01', '62.00']])
  })

  it('leaves a period that was passed over its fee', async () => {
    const customer = await openCustomer(services, 'passed')
    await customer.agree('plus', day('01-01'))
    await customer.bill(1)
    expect(rows(await customer.bill(3))).toEqual([
      ['base', 'fee', '03-01', '62.00'],
      ['base', 'fee', '04-01', '62.00'],
    ])
    await expect(customer.bill(2)).rejects.toMatchObject({ code: 'INVOICE_EMPTY' })
  })
})
