import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openCustomer, startEmbedded } from './embedded.ts'
import type { Customer } from './embedded.ts'
import type { Services } from './services.ts'

const YEAR = { from: '2026-01-01T00:00:00Z', to: '2027-01-01T00:00:00Z' }
const RULES = [
  { kind: 'fee', id: 'base', amount: '31' },
  { kind: 'termination', id: 'early', percent: '50', of: ['base'] },
]

let services: Services
beforeAll(async () => {
  services = await startEmbedded()
  for (const [id, rules] of Object.entries({ yearly: RULES, other: RULES.slice(0, 1) }))
    await publish(id, rules)
}, 240_000)
afterAll(() => services.stop(), 60_000)

const publish = (id: string, rules: object[]) =>
  services.rest.post('/v1/tariffs', { id, currency: 'EUR', amountRounding: 'half-up', rules })
const rows = (lines: Awaited<ReturnType<Customer['issue']>>) =>
  lines.map(({ rule, kind, amount }) => [rule, kind, amount.amount])
const agree = async (account: string, more: object = {}): Promise<string> => {
  const asked = { account, tariff: { id: 'yearly' }, period: YEAR, ...more }
  return (await services.rest.post<{ id: string }>('/v1/contracts', asked)).id
}
const end = (contract: string, body: object) => services.rest.post(`/v1/contracts/${contract}/end`, body)

it('a fee is due in the month in which a contract ends before its term, and nothing after it', async () => {
  const customer = await openCustomer(services, 'early')
  const contract = await agree('early')
  await customer.bill(1)
  expect(await end(contract, { to: '2026-03-11T00:00:00Z' })).toMatchObject({
    agreedTo: YEAR.to,
    isFeeWaived: false,
    period: { to: '2026-03-11T00:00:00Z' },
  })
  expect(rows(await customer.bill(2))).toEqual([['base', 'fee', '31.00']])
  // Ten days of March; of the other 21, and of nine months, the half.
  expect(rows(await customer.bill(3))).toEqual([
    ['base', 'fee', '10.00'],
    ['early', 'termination', '150.00'],
  ])
  await expect(customer.bill(4)).rejects.toMatchObject({ code: 'INVOICE_EMPTY' })
})

it('a contract that runs its term, or is open and runs longer than it, ends without a fee', async () => {
  const full = await openCustomer(services, 'full')
  await agree('full', { period: { ...YEAR, to: '2026-07-01T00:00:00Z' } })
  expect(rows(await full.bill(6))).toEqual([['base', 'fee', '31.00']])
  const open = await openCustomer(services, 'open')
  const contract = await agree('open', { period: { from: YEAR.from }, agreedTo: '2026-02-01T00:00:00Z' })
  await end(contract, { to: '2026-03-01T00:00:00Z' })
  expect(rows(await open.bill(2))).toEqual([['base', 'fee', '31.00']])
})

it('the fee of an end that is set when its month was billed comes with the next run, or goes with it', async () => {
  const customer = await openCustomer(services, 'late-end')
  const contract = await agree('late-end', { period: { from: YEAR.from }, agreedTo: YEAR.to })
  await customer.bill(1)
  await end(contract, { to: '2026-02-01T00:00:00Z' })
  const february = await customer.draw(2)
  await end(contract, { to: '2026-02-01T00:00:00Z', feeWaived: 'moved to another product' })
  await expect(customer.issue(february)).rejects.toMatchObject({ code: 'DRAFT_STALE' })
  await end(contract, { to: '2026-02-01T00:00:00Z' })
  // Half of eleven months.
  expect(rows(await customer.bill(2))).toEqual([['early', 'termination', '170.50']])
  await end(contract, { to: '2026-02-01T00:00:00Z', feeWaived: 'moved to another product' })
  expect(rows(await customer.bill(3))).toEqual([['early', 'termination', '-170.50']])
})

it('a fee that is waived when it is billed comes back, whatever becomes of late usage', async () => {
  const customer = await openCustomer(services, 'no-late')
  const contract = await agree('no-late', { closing: { lateUsage: 'reject' } })
  await end(contract, { to: '2026-02-01T00:00:00Z' })
  expect(rows(await customer.bill(1))).toContainEqual(['early', 'termination', '170.50'])
  await end(contract, { to: '2026-02-01T00:00:00Z', feeWaived: 'goodwill' })
  expect(rows(await customer.bill(2))).toEqual([['early', 'termination', '-170.50']])
})

it('a simulation comes to the fee as the invoice does, and to the same under the same rules', async () => {
  await openCustomer(services, 'simulated')
  const contract = await agree('simulated')
  await end(contract, { to: '2026-03-11T00:00:00Z' })
  const asked = { account: 'simulated', from: { year: 2026, month: 3 }, months: 1 }
  const { courses } = await services.rest.post<{ courses: { total: { amount: string } }[] }>(
    '/v1/simulations',
    {
      ...asked,
      candidates: [{ id: 'yearly' }, { id: 'other' }],
    },
  )
  expect(courses.map(({ total }) => total.amount)).toEqual(['10.00', '160.00', '160.00'])
})

describe('when another contract follows', () => {
  it('a new version of the tariff goes on with the term, whatever it bounds', async () => {
    const customer = await openCustomer(services, 'renewed')
    const first = await agree('renewed')
    await end(first, { to: '2026-03-01T00:00:00Z' })
    const bounded = { kind: 'commitment', id: 'commit', amount: '10', window: 'quarter' }
    await publish('yearly', [...RULES, bounded])
    const period = { from: '2026-03-01T00:00:00Z' }
    const second = await agree('renewed', { period })
    expect(rows(await customer.bill(2))).toEqual([['base', 'fee', '31.00']])
    expect(rows(await customer.bill(3))).toEqual([['base', 'fee', '31.00']])
    await end(second, { to: '2026-10-01T00:00:00Z' })
    const september = await customer.draw(9)
    await end(second, { to: '2026-10-01T00:00:00Z', feeWaived: 'a good customer' })
    await expect(customer.issue(september)).rejects.toMatchObject({ code: 'DRAFT_STALE' })
    await end(second, { to: '2026-10-01T00:00:00Z' })
    expect(rows(await customer.bill(9))).toContainEqual(['early', 'termination', '46.50'])
  })

  it('a change to another tariff is an end, unless its fee is waived', async () => {
    for (const [id, feeWaived] of [
      ['changed', undefined],
      ['upgraded', 'upgrade'],
    ] as const) {
      const customer = await openCustomer(services, id)
      await end(await agree(id, { tariff: { id: 'yearly', version: 1 } }), {
        to: '2026-02-01T00:00:00Z',
        feeWaived,
      })
      await agree(id, { tariff: { id: 'other' }, period: { from: '2026-02-01T00:00:00Z' } })
      const fee = feeWaived === undefined ? [['early', 'termination', '170.50']] : []
      expect(rows(await customer.bill(1))).toEqual([['base', 'fee', '31.00'], ...fee])
    }
  })
})

it('a term outside of the period, and a waiver of what is not due, are refused', async () => {
  await openCustomer(services, 'refused')
  for (const agreedTo of [YEAR.from, '2027-01-01T00:00:00.001Z'])
    await expect(agree('refused', { agreedTo })).rejects.toMatchObject({
      code: 'FIELD_INVALID',
      message: expect.stringContaining('the term ends after'),
    })
  const contract = await agree('refused', { agreedTo: '2026-06-01T00:00:00Z' })
  await expect(end(contract, { to: '2026-06-01T00:00:00Z', feeWaived: 'none' })).rejects.toMatchObject({
    code: 'FIELD_INVALID',
    message: expect.stringContaining('no fee is due'),
  })
  await expect(end(contract, { to: '2026-05-01T00:00:00Z', feeWaived: '' })).rejects.toMatchObject({
    code: 'FIELD_INVALID',
  })
})
