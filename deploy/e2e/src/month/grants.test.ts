import { afterAll, beforeAll, expect, it } from 'vitest'
import { openCustomer, startEmbedded } from './embedded.ts'
import type { Services } from './services.ts'

let services: Services
beforeAll(async () => {
  services = await startEmbedded()
}, 240_000)
afterAll(() => services.stop(), 60_000)

it('grants of contracts in force are listed with what invoices left of them, and those about to expire alone', async () => {
  const grants = [
    { id: 'promo', amount: '30', expires: '2099-02-01T00:00:00Z' },
    { id: 'prepaid', amount: '100' },
    { id: 'old', amount: '5', expires: '2026-01-20T00:00:00Z' },
  ]
  const rules = [
    { kind: 'fee', id: 'base', amount: '40' },
    { kind: 'credit', id: 'wallet', order: 'expiry', grants },
  ]
  await services.rest.post('/v1/tariffs', {
    id: 'wallets',
    currency: 'EUR',
    amountRounding: 'half-up',
    rules,
  })
  for (const [id, month] of [
    ['idle', undefined],
    ['spender', 1],
    ['late', 2],
  ] as const) {
    const customer = await openCustomer(services, id)
    await customer.agree('wallets', `2026-0${month ?? 1}-01T00:00:00Z`)
    if (month !== undefined) await customer.bill(month)
  }
  const left = async (query: string) => {
    const { rows } = await services.rest.get<{ rows: Record<string, string | null>[] }>(
      `/v1/exports/grants?format=json${query}`,
    )
    return rows.map(({ Account, Grant, Used, Left, Standing }) =>
      [Account, Grant, Used, Left, Standing].join(' '),
    )
  }
  expect(await left('')).toEqual([
    'idle promo 0.00 30.00 usable',
    'idle prepaid 0.00 100.00 usable',
    // Its invoice of January is still to come.
    'idle old 0.00 5.00 usable',
    'late promo 30.00 0.00 used-up',
    'late prepaid 10.00 90.00 usable',
    'late old 0.00 5.00 expired',
    'spender promo 30.00 0.00 used-up',
    'spender prepaid 5.00 95.00 usable',
    'spender old 5.00 0.00 used-up',
  ])
  expect(await left('&account=spender')).toHaveLength(3)
  expect(await left('&expiresBefore=2099-02-01T00:00:00.001Z')).toEqual([
    'idle promo 0.00 30.00 usable',
    'idle old 0.00 5.00 usable',
  ])
  expect(await left('&expiresBefore=2099-02-01T00:00:00Z')).toEqual(['idle old 0.00 5.00 usable'])
  await expect(left('&account=nobody')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})
