import { afterAll, beforeAll, expect, it } from 'vitest'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { verifyProof } from '@vouch/rating/verify/verify.ts'
import { GAMMA } from './contract-story.ts'
import { FOREVER_FROM } from './customers.ts'
import { startEmbedded } from './embedded.ts'
import { meter } from './metering.ts'
import type { Services } from './services.ts'

/** Two days. */
const PERIOD = { from: '2026-03-02T00:00:00Z', to: '2026-03-04T00:00:00Z' }

let services: Services
let id: string

beforeAll(async () => {
  services = await startEmbedded()
  await meter(services, GAMMA, Date.parse(PERIOD.from), Date.parse(PERIOD.to))
  await agree()
}, 120_000)
afterAll(() => services.stop(), 60_000)

async function agree(): Promise<void> {
  const { rest } = services
  const rounding = { mode: 'half-up', scale: 6 }
  const cpu = { name: 'CPU used', meter: 'host.cpu.used', unit: 'core-hour', rounding }
  const threshold = { quantity: '24', at: 'resource' }
  await rest.post('/v1/items', { ...cpu, id: 'cpu', threshold, increment: { size: '5', at: 'line' } })
  await rest.post('/v1/items', {
    id: 'memory',
    name: 'Memory',
    meter: 'host.memory.held',
    unit: 'GiB-hour',
    rounding,
    threshold: { quantity: '100' },
  })
  await rest.post('/v1/accounts', { id: 'gamma', name: 'Customer gamma', timeZone: 'UTC' })
  await rest.post('/v1/tariffs', {
    id: 'stepped',
    currency: 'EUR',
    amountRounding: 'half-up',
    prices: ['cpu', 'memory'].map((item) => ({ item, unitPrice: { amount: '0.04', currency: 'EUR' } })),
  })
  const period = { from: FOREVER_FROM }
  await rest.post('/v1/contracts', { account: 'gamma', tariff: { id: 'stepped' }, period })
  await rest.post('/v1/assignments', { account: 'gamma', resource: GAMMA.resource, period })
  const run = await rest.post<{ invoices: { id: string }[] }>('/v1/invoice-runs', {
    account: 'gamma',
    period: PERIOD,
  })
  id = run.invoices[0]!.id
  await rest.post(`/v1/invoices/${id}/issue`)
}

it('bills begun steps of an item, and nothing below its threshold; the proof verifies', async () => {
  const invoice = await services.rest.get<{
    total: object
    lines: { item: string; quantity: string; amount: { amount: string } }[]
  }>(`/v1/invoices/${id}`)
  // Half a core for 48 hours are 24 core-hours, as much as the threshold, and five begun steps of 5; 2 GiB are 96 GiB-hours.
  expect(invoice.lines.map(({ item, quantity, amount }) => [item, quantity, amount.amount])).toEqual([
    ['cpu', '25', '1.00'],
    ['memory', '0', '0.00'],
  ])
  expect(invoice.total).toEqual({ amount: '1.00', currency: 'EUR' })
  const text = Buffer.from(await services.rest.bytes(`/v1/invoices/${id}/proof`)).toString('utf8')
  const { proof } = unwrap(verifyProof(text, { issuer: services.issuerPublicKey }))
  expect(proof.tariffs[0]!.items.map(({ threshold, increment }) => [threshold?.at, increment?.size])).toEqual(
    [
      ['resource', '5'],
      ['line', undefined],
    ],
  )
})
