import { afterAll, beforeAll, expect, it } from 'vitest'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { verifyProof } from '@vouch/rating/verify/verify.ts'
import { FOREVER_FROM, createCatalogue } from './customers.ts'
import { startEmbedded } from './embedded.ts'
import { meter } from './metering.ts'
import type { Services } from './services.ts'
import type { HostScript } from './virtual-host.ts'

/** Two days; the host changes hands at noon of the second. */
const [FROM, NOON, TO] = ['2026-03-02T00:00:00Z', '2026-03-03T12:00:00Z', '2026-03-04T00:00:00Z'] as const

/** Half a core all the time; 1 GiB, and from the second day on 3. */
const HOST: HostScript = {
  resource: 'host:delta',
  milliCores: 500n,
  memoryMib: (atMs) => (atMs < Date.parse('2026-03-03T00:00:00Z') ? 1024n : 3072n),
  bootedMs: () => Date.parse('2026-01-01T00:00:00Z'),
}

interface Part {
  readonly costCentre?: string
  readonly share?: string
  readonly amount: { readonly amount: string }
}

interface Invoice {
  readonly total: { readonly amount: string }
  readonly costCentres: readonly Part[]
  readonly lines: readonly {
    readonly rule: string
    readonly pool?: string
    readonly amount: { readonly amount: string }
    readonly costCentres: readonly Part[]
  }[]
}

let services: Services
let id: string

beforeAll(async () => {
  services = await startEmbedded()
  await meter(services, HOST, Date.parse(FROM), Date.parse(TO))
  await agree()
}, 120_000)
afterAll(() => services.stop(), 60_000)

async function agree(): Promise<void> {
  const { rest } = services
  await createCatalogue(rest)
  await rest.post('/v1/accounts', { id: 'delta', name: 'Customer delta', timeZone: 'UTC' })
  const price = (unitPrice: string) => ({ model: 'per-unit', unitPrice })
  const windows = [{ name: 'night', from: '00:00', to: '12:00' }]
  await rest.post('/v1/tariffs', {
    id: 'divided',
    currency: 'EUR',
    amountRounding: 'half-up',
    rules: [
      { kind: 'usage', id: 'cpu', item: 'cpu', price: price('1') },
      {
        kind: 'usage',
        id: 'memory',
        item: 'memory',
        price: { model: 'calendar', windows, prices: { night: price('1') }, otherwise: price('2') },
      },
      { kind: 'discount', id: 'rebate', percent: '10', of: ['cpu'] },
    ],
  })
  const period = { from: FOREVER_FROM }
  await rest.post('/v1/contracts', { account: 'delta', tariff: { id: 'divided' }, period })
  const all = { account: 'delta', percent: '100' }
  const give = async (effectiveFrom: string, to: readonly object[]): Promise<unknown> =>
    rest.post('/v1/attribution-rule-sets', { effectiveFrom, rules: [{ id: 'r', priority: 1, when: {}, to }] })
  await give(FROM, [{ ...all, costCentre: 'a' }])
  await give(NOON, [
    { ...all, costCentre: 'b', percent: '75' },
    { ...all, percent: '25' },
  ])
  const run = await rest.post<{ invoices: { id: string }[] }>('/v1/invoice-runs', {
    account: 'delta',
    period: { from: FROM, to: TO },
  })
  id = run.invoices[0]!.id
  await rest.post(`/v1/invoices/${id}/issue`)
}

const shown = (parts: readonly Part[]) =>
  parts.map(({ costCentre = '-', amount, share = '' }) => `${costCentre} ${amount.amount} ${share}`.trim())

it('divides lines by what was measured before and after, of each price by itself', async () => {
  const invoice = await services.rest.get<Invoice>(`/v1/invoices/${id}`)
  expect(
    invoice.lines.map(({ rule, pool = '', amount, costCentres }) => [
      `${rule} ${pool}`.trim(),
      amount.amount,
      shown(costCentres),
    ]),
  ).toEqual([
    // 24 core-hours, 36 of 48 hours before.
    ['cpu', '24.00', ['- 1.50 0.0625', 'a 18.00 0.75', 'b 4.50 0.1875']],
    // 12 × 1 + 12 × 3 GiB-hours, all of them before.
    ['memory night', '48.00', ['a 48.00 1']],
    // 12 × 1 GiB-hours before and 12 × 3 after, at 2.
    ['memory otherwise', '96.00', ['- 18.00 0.1875', 'a 24.00 0.25', 'b 54.00 0.5625']],
    ['rebate', '-2.40', ['- -0.15 0.0625', 'a -1.80 0.75', 'b -0.45 0.1875']],
  ])
  expect(shown(invoice.costCentres)).toEqual(['- 19.35', 'a 88.20', 'b 58.05'])
  expect(invoice.total.amount).toBe('165.60')
  const text = Buffer.from(await services.rest.bytes(`/v1/invoices/${id}/proof`)).toString('utf8')
  unwrap(verifyProof(text, { issuer: services.issuerPublicKey }))
})
