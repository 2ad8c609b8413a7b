import { tmpdir } from 'node:os'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTestEngine } from '@vouch/clickhouse'
import { createTestDatabase } from '@vouch/postgres'
import { PDF_NOTE, PDF_READABLE, pdfText } from '@vouch/billing-api/testing/pdf-text.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { verifyProof } from '@vouch/rating/verify/verify.ts'
import { FOREVER_FROM, createCatalogue } from './customers.ts'
import { meter } from './metering.ts'
import { startServices } from './services.ts'
import type { Services } from './services.ts'
import { DOWN } from './story.ts'
import type { HostScript } from './virtual-host.ts'

const HOUR_MS = 3_600_000

/** 2 GiB all the time; nobody looks for the six hours in which the agent is down. */
const HOST: HostScript = {
  resource: 'host:delta',
  milliCores: 500n,
  memoryMib: () => 2048n,
  bootedMs: () => Date.parse('2026-01-01T00:00:00Z'),
}

interface Invoice {
  readonly id: string
  readonly lines: readonly {
    readonly rule: string
    readonly kind: string
    readonly quantity: string
    readonly amount: { readonly amount: string }
    readonly coverage: { readonly missingMs: number; readonly estimatedMs: number }
  }[]
  readonly statements: readonly { readonly estimates: readonly object[] }[]
}

/** Two days around them. */
const PERIOD = { from: DOWN.from - 24 * HOUR_MS, to: DOWN.to + 18 * HOUR_MS }

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
  await meter(services, HOST, PERIOD.from - 2 * HOUR_MS, DOWN.from)
  await meter(services, HOST, DOWN.to, PERIOD.to + 2 * HOUR_MS)
}, 240_000)

afterAll(() => services.stop(), 60_000)

it(`an outage is billed as the hour before it, on a line of its own, and the proof shows that hour${PDF_NOTE}`, async () => {
  const { rest } = services
  await createCatalogue(rest)
  await rest.post('/v1/accounts', { id: 'delta', name: 'Customer delta', timeZone: 'Europe/Berlin' })
  const estimate = { method: 'last-known', longestHours: 24 }
  const price = { model: 'per-unit', unitPrice: '0.0100' }
  const rules = ['cpu', 'memory'].map((item) => ({ kind: 'usage', id: item, item, estimate, price }))
  await rest.post('/v1/tariffs', { id: 'delta', currency: 'EUR', amountRounding: 'half-up', rules })
  const period = { from: FOREVER_FROM }
  await rest.post('/v1/contracts', { account: 'delta', tariff: { id: 'delta' }, period })
  await rest.post('/v1/assignments', { account: 'delta', resource: HOST.resource, period })
  const run = {
    account: 'delta',
    period: { from: formatInstant(PERIOD.from), to: formatInstant(PERIOD.to) },
  }
  const { invoices } = await rest.post<{ invoices: { id: string }[] }>('/v1/invoice-runs', run)
  const id = invoices[0]!.id
  await rest.post(`/v1/invoices/${id}/issue`)
  const invoice = await rest.get<Invoice>(`/v1/invoices/${id}`)
  // The processor's counter went on for all 48 hours, memory was seen in 42.
  expect(
    invoice.lines.map(({ rule, kind, quantity, amount }) => [rule, kind, quantity, amount.amount]),
  ).toEqual([
    ['cpu', 'usage', '24', '0.24'],
    ['memory', 'usage', '84', '0.84'],
    ['memory', 'estimate', '12', '0.12'],
  ])
  expect(invoice.lines.map(({ coverage }) => [coverage.missingMs, coverage.estimatedMs])).toEqual([
    [0, 0],
    [21_600_000, 21_600_000],
    [21_600_000, 21_600_000],
  ])
  expect(invoice.statements[0]!.estimates).toEqual([
    {
      resource: 'host:delta',
      meter: 'host.memory.held',
      method: 'last-known',
      gap: { from: formatInstant(DOWN.from), to: formatInstant(DOWN.to) },
      periods: [{ from: formatInstant(DOWN.from), to: formatInstant(DOWN.to) }],
      hour: {
        from: formatInstant(DOWN.from - HOUR_MS),
        to: formatInstant(DOWN.from),
      },
      quantity: `${2048 * 3600}`,
      unit: 'MiB-second',
    },
  ])
  const proof = Buffer.from(await rest.bytes(`/v1/invoices/${id}/proof`)).toString('utf8')
  expect(unwrap(verifyProof(proof, { issuer: services.issuerPublicKey })).proof.invoice?.total).toBe('1.20')
  if (!PDF_READABLE) return
  const pdf = await pdfText(await rest.bytes(`/v1/invoices/${id}/pdf`))
  expect(pdf).toMatch(/Estimated[^]*host\.memory\.held[^]*as in/)
})
