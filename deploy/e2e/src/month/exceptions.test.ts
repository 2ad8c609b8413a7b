import { afterAll, beforeAll, expect, it } from 'vitest'
import { PDF_NOTE, PDF_READABLE, pdfText } from '@vouch/billing-api/testing/pdf-text.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { verifyProof } from '@vouch/rating/verify/verify.ts'
import { FOREVER_FROM, createCatalogue } from './customers.ts'
import { startEmbedded } from './embedded.ts'
import { meter } from './metering.ts'
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

let first: Invoice

/** Two days around them. */
const PERIOD = { from: DOWN.from - 24 * HOUR_MS, to: DOWN.to + 18 * HOUR_MS }

let services: Services

beforeAll(async () => {
  services = await startEmbedded()
  await meter(services, HOST, PERIOD.from - 2 * HOUR_MS, DOWN.from)
  await meter(services, HOST, DOWN.to, PERIOD.to + 2 * HOUR_MS)
  await agree()
}, 240_000)

afterAll(() => services.stop(), 60_000)

/** An account whose tariff estimates, and one that has nothing yet. */
async function agree(): Promise<void> {
  const { rest } = services
  await createCatalogue(rest)
  const estimate = { method: 'last-known', longestHours: 24 }
  const price = { model: 'per-unit', unitPrice: '0.0100' }
  const rules = ['cpu', 'memory'].map((item) => ({ kind: 'usage', id: item, item, estimate, price }))
  await rest.post('/v1/tariffs', { id: 'two', currency: 'EUR', amountRounding: 'half-up', rules })
  const period = { from: FOREVER_FROM }
  for (const account of ['delta', 'epsilon']) {
    await rest.post('/v1/accounts', { id: account, name: `Customer ${account}`, timeZone: 'Europe/Berlin' })
    await rest.post('/v1/contracts', { account, tariff: { id: 'two' }, period })
  }
  await rest.post('/v1/assignments', { account: 'delta', resource: HOST.resource, period })
}

const periodOf = (from: number, to: number) => ({ from: formatInstant(from), to: formatInstant(to) })

async function bill(account: string, from: number, to: number): Promise<Invoice> {
  const { rest } = services
  const run = { account, period: periodOf(from, to) }
  const { invoices } = await rest.post<{ invoices: { id: string }[] }>('/v1/invoice-runs', run)
  const id = invoices[0]!.id
  await rest.post(`/v1/invoices/${id}/issue`)
  return rest.get<Invoice>(`/v1/invoices/${id}`)
}

const rowsOf = ({ lines }: Invoice) =>
  lines.map(({ rule, kind, quantity, amount }) => [rule, kind, quantity, amount.amount])

async function provenTotal({ id }: Invoice): Promise<string | undefined> {
  const proof = Buffer.from(await services.rest.bytes(`/v1/invoices/${id}/proof`)).toString('utf8')
  return unwrap(verifyProof(proof, { issuer: services.issuerPublicKey })).proof.invoice?.total
}

it(`an outage is billed as the hour before it, on a line of its own, and the proof shows that hour${PDF_NOTE}`, async () => {
  first = await bill('delta', PERIOD.from, PERIOD.to)
  // The processor's counter went on for all 48 hours, memory was seen in 42.
  expect(rowsOf(first)).toEqual([
    ['cpu', 'usage', '24', '0.24'],
    ['memory', 'usage', '84', '0.84'],
    ['memory', 'estimate', '12', '0.12'],
  ])
  expect(first.lines.map(({ coverage }) => [coverage.missingMs, coverage.estimatedMs])).toEqual([
    [0, 0],
    [21_600_000, 21_600_000],
    [21_600_000, 21_600_000],
  ])
  expect(first.statements[0]!.estimates).toEqual([
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
  expect(await provenTotal(first)).toBe('1.20')
  if (!PDF_READABLE) return
  const pdf = await pdfText(await services.rest.bytes(`/v1/invoices/${first.id}/pdf`))
  expect(pdf).toMatch(/Estimated[^]*host\.memory\.held[^]*as in/)
})

it('what is decided afterwards corrects the invoices of both accounts, and their proofs show it', async () => {
  const { rest } = services
  const because = { reason: 'moved to another project', person: 'Ada' }
  const { resource } = HOST
  const at = (from: number, to: number) => periodOf(PERIOD.from + from * HOUR_MS, PERIOD.from + to * HOUR_MS)
  const decide = (body: object) => rest.post('/v1/usage-corrections', { resource, ...because, ...body })
  // Six hours for the other account, two that are void, and four whose processor time was seven hours.
  await decide({ kind: 'transfer', to: 'epsilon', period: at(4, 10) })
  await decide({ kind: 'void', period: at(12, 14) })
  await decide({
    kind: 'replace',
    meter: 'host.cpu.used',
    quantity: '7',
    unit: 'core-hour',
    period: at(16, 20),
  })
  const next = await bill('delta', PERIOD.to, PERIOD.to + HOUR_MS)
  // Half a core and 2 GiB: 6 + 2 hours less, and 7 core-hours for the 2 of four hours.
  expect(rowsOf(next)).toEqual([
    ['cpu', 'usage', '0.5', '0.01'],
    ['memory', 'usage', '2', '0.02'],
    ['cpu', 'late-usage', '1', '0.01'],
    ['memory', 'late-usage', '-16', '-0.16'],
  ])
  const other = await bill('epsilon', PERIOD.from, PERIOD.to)
  expect(rowsOf(other)).toEqual([
    ['cpu', 'usage', '3', '0.03'],
    ['memory', 'usage', '12', '0.12'],
  ])
  expect([await provenTotal(next), await provenTotal(other)]).toEqual(['-0.12', '0.15'])
  if (!PDF_READABLE) return
  const pdf = await pdfText(await rest.bytes(`/v1/invoices/${next.id}/pdf`))
  expect(pdf).toMatch(/is borne by epsilon\.[^]*does not count\.[^]*counts as 7 core-hour\./)
})
