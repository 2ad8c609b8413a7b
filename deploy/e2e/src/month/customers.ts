import type { Rest } from '@vouch/standalone/rest.ts'

/** Prices of CPU per core-hour and memory per GiB-hour. */
export interface Prices {
  readonly currency: string
  readonly cpu: string
  readonly memory: string
}

/** Long before anything is metered. */
export const FOREVER_FROM = '2026-01-01T00:00:00Z'

const ROUNDING = { mode: 'half-up', scale: 6 }

/** The two items that are sold. */
export async function createCatalogue(rest: Rest): Promise<void> {
  const cpu = { id: 'cpu', name: 'CPU used', meter: 'host.cpu.used', unit: 'core-hour' }
  const memory = { id: 'memory', name: 'Memory', meter: 'host.memory.held', unit: 'GiB-hour' }
  for (const item of [cpu, memory]) await rest.post('/v1/items', { ...item, rounding: ROUNDING })
}

/** An account with a tariff of its own under contract. */
export async function createCustomer(
  rest: Rest,
  id: string,
  timeZone: string,
  prices: Prices,
): Promise<void> {
  const { currency, cpu, memory } = prices
  await rest.post('/v1/accounts', { id, name: `Customer ${id}`, timeZone })
  await rest.post('/v1/tariffs', {
    id,
    currency,
    amountRounding: 'half-up',
    prices: [
      { item: 'cpu', unitPrice: { amount: cpu, currency } },
      { item: 'memory', unitPrice: { amount: memory, currency } },
    ],
  })
  await rest.post('/v1/contracts', { account: id, tariff: { id }, period: { from: FOREVER_FROM } })
}
