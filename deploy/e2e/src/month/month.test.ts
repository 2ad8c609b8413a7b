import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { proofText } from '@vouch/proto/seal/proof.ts'
import { verifyProof } from '@vouch/rating/verify/verify.ts'
import { FOREVER_FROM, createCatalogue, createCustomer } from './customers.ts'
import { drawAgain, expireEverything } from './evidence.ts'
import { embeddedStores } from './embedded.ts'
import { meter } from './metering.ts'
import { startServices } from './services.ts'
import type { Services, Stores } from './services.ts'
import { ALPHA, BETA, DOWN, END_MS, EXPECTED, EXPECTED_GAPS, MOVED_MS, REBOOT, START_MS } from './story.ts'

interface Line {
  readonly item: string
  readonly resource: string
  readonly quantity: string
  readonly amount: { readonly amount: string }
  readonly streams: readonly {
    readonly coverage: {
      readonly gaps: readonly { readonly from: string; readonly to: string; readonly kind: string }[]
    }
  }[]
}

interface Invoice {
  readonly id: string
  readonly number: string
  readonly total: { readonly amount: string; readonly currency: string }
  readonly buyer: { readonly id: string }
  readonly lines: readonly Line[]
}

let services: Services
let stores: Stores
const invoices = new Map<string, Invoice>()

beforeAll(async () => {
  stores = await embeddedStores()
  services = await startServices(stores)
  await meter(services, ALPHA, START_MS, END_MS)
  await meter(services, BETA, START_MS, DOWN.from)
  await meter(services, BETA, DOWN.to, REBOOT.from)
  await meter(services, BETA, REBOOT.to, END_MS)
  await setUpCustomers()
  await billMarch()
}, 240_000)

afterAll(() => services.stop(), 60_000)

async function setUpCustomers(): Promise<void> {
  const { rest } = services
  await createCatalogue(rest)
  await createCustomer(rest, 'alpha', 'Europe/Berlin', { currency: 'EUR', cpu: '0.0400', memory: '0.0070' })
  await createCustomer(rest, 'beta', 'Asia/Kolkata', { currency: 'JPY', cpu: '6', memory: '1.1' })
  const moved = new Date(MOVED_MS).toISOString()
  const assign = async (account: string, resource: string, period: object): Promise<unknown> =>
    rest.post('/v1/assignments', { account, resource, period })
  await assign('alpha', ALPHA.resource, { from: FOREVER_FROM, to: moved })
  await assign('beta', ALPHA.resource, { from: moved })
  await assign('beta', BETA.resource, { from: FOREVER_FROM })
}

async function billMarch(): Promise<void> {
  for (const account of ['alpha', 'beta']) {
    const run = await services.rest.post<{ invoices: { id: string }[] }>('/v1/invoice-runs', {
      account,
      month: { year: 2026, month: 3 },
    })
    for (const { id } of run.invoices) {
      await services.rest.post(`/v1/invoices/${id}/issue`)
      invoices.set(account, await services.rest.get<Invoice>(`/v1/invoices/${id}`))
    }
  }
}

describe('a month of two customers', () => {
  it.each(['alpha', 'beta'] as const)('bills %s exactly what was worked by hand', (account) => {
    const { number, currency, total, lines } = EXPECTED[account]
    const invoice = invoices.get(account)!
    expect(invoice.number).toBe(number)
    expect(invoice.total).toEqual({ amount: total, currency })
    const seen = invoice.lines.map(({ item, resource, quantity, amount }) => ({
      item,
      resource,
      quantity,
      amount: amount.amount,
    }))
    expect(seen).toEqual(lines)
  })

  it.each(['cpu', 'memory'] as const)('lists every uncovered second of the %s of host:beta', (item) => {
    const line = invoices
      .get('beta')!
      .lines.find((each) => each.item === item && each.resource === 'host:beta')!
    const gaps = line.streams.flatMap(({ coverage }) => coverage.gaps)
    expect(gaps.map(({ from, to, kind }) => ({ from: Date.parse(from), to: Date.parse(to), kind }))).toEqual(
      EXPECTED_GAPS[item],
    )
  })

  it('leaves no gap on host:alpha, for either customer', () => {
    const lines = [...invoices.values()].flatMap((invoice) =>
      invoice.lines.filter(({ resource }) => resource === 'host:alpha'),
    )
    expect(lines).toHaveLength(4)
    expect(lines.flatMap(({ streams }) => streams.flatMap(({ coverage }) => coverage.gaps))).toEqual([])
  })

  it.each(['alpha', 'beta'])('proves the invoice of %s', async (account) => {
    const text = Buffer.from(
      await services.rest.bytes(`/v1/invoices/${invoices.get(account)!.id}/proof`),
    ).toString('utf8')
    const { proof } = unwrap(verifyProof(text, { issuer: services.issuerPublicKey }))
    expect(proof.invoice?.total).toBe(invoices.get(account)!.total.amount)
  })

  it('shows usage by day of the account, which sums to what is billed', async () => {
    const march = 'from=2026-02-28T18:30:00Z&to=2026-03-31T18:30:00Z'
    const { rows } = await services.rest.get<{
      rows: { Resource: string; From: string; Quantity: string }[]
    }>(`/v1/accounts/beta/usage?${march}&grain=day&meter=host.cpu.used&format=json`)
    const sum = rows.reduce((all, { Quantity }) => all + BigInt(Quantity), 0n)
    // 92.09375 + 371.5 core-hours, in milliseconds.
    expect(sum).toBe(331_537_500n + 1_337_400_000n)
    // 31 days of host:beta, 16 of host:alpha, the first of which it shares with its owner before.
    expect(rows.length).toBe(31 + 16)
    expect(rows[0]).toMatchObject({
      Resource: 'host:alpha',
      From: new Date(MOVED_MS).toISOString().replace('.000', ''),
    })
  })

  it('posts a balanced journal with the totals', async () => {
    const { items } = await services.rest.get<{
      items: { postings: { amount: { amount: string; currency: string } }[] }[]
    }>('/v1/journal')
    const debits = items.flatMap(({ postings }) =>
      postings.filter(({ amount }) => !amount.amount.startsWith('-')),
    )
    expect(
      debits.map(({ amount }) => amount).toSorted((a, b) => a.currency.localeCompare(b.currency)),
    ).toEqual([
      { amount: '8.91', currency: 'EUR' },
      { amount: '5025', currency: 'JPY' },
    ])
  })

  it('does not bill the month twice', async () => {
    const again = await services.rest
      .post<{ invoices: unknown[]; skipped: unknown[] }>('/v1/invoice-runs', {
        month: { year: 2026, month: 3 },
      })
      .catch((error: unknown) => error)
    expect(again).toMatchObject({
      invoices: [],
      skipped: [{ code: 'INVOICE_ISSUED' }, { code: 'INVOICE_ISSUED' }],
    })
  })

  it('proves both invoices again from the store when every reading and batch has expired', async () => {
    expect(await expireEverything(stores)).toEqual({ readings: 0, batches: 0 })
    for (const { id } of invoices.values()) {
      const text = Buffer.from(await services.rest.bytes(`/v1/invoices/${id}/proof`)).toString('utf8')
      const { proof } = unwrap(verifyProof(text, { issuer: services.issuerPublicKey }))
      const again = proofText(await drawAgain(stores, proof))
      expect(again).toBe(text)
      unwrap(verifyProof(again, { issuer: services.issuerPublicKey }))
    }
  }, 60_000)
})
