import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { focusViolations } from '@vouch/billing-api/testing/focus-conformance.ts'
import { formatDecimal, parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { add, rational } from '@vouch/proto/kernel/rational.ts'
import { ROUNDINGS } from '@vouch/proto/kernel/rounding.ts'
import { verifyProof } from '@vouch/rating/verify/verify.ts'
import {
  CHANGES,
  CORRECTION,
  CORRECTION_TRACES,
  GAMMA,
  INTERRUPTIONS,
  KNOWN_UNTIL_MS,
  MARCH,
  MARCH_TRACES,
  TARIFFS,
} from './contract-story.ts'
import { FOREVER_FROM, createCatalogue } from './customers.ts'
import { embeddedStores } from './embedded.ts'
import { meter } from './metering.ts'
import { startServices } from './services.ts'
import type { Services, Stores } from './services.ts'
import { END_MS, START_MS } from './story.ts'

interface Line {
  readonly rule: string
  readonly kind: string
  readonly pool?: string
  readonly quantity?: string
  readonly amount: { readonly amount: string }
  readonly corrects?: string
  readonly trace: readonly { readonly rule: string; readonly input: string; readonly output: string }[]
}

interface Invoice {
  readonly id: string
  readonly number: string
  readonly total: { readonly amount: string }
  readonly lines: readonly Line[]
}

let services: Services
let stores: Stores
let march: Invoice
let april: Invoice

beforeAll(async () => {
  stores = await embeddedStores()
  services = await startServices(stores)
  const { down, reboot } = INTERRUPTIONS
  await meter(services, GAMMA, START_MS, down.from)
  await meter(services, GAMMA, down.to, reboot.from)
  await meter(services, GAMMA, reboot.to, KNOWN_UNTIL_MS)
  await agree()
  march = await bill(3)
  await meter(services, GAMMA, KNOWN_UNTIL_MS, END_MS)
  april = await bill(4)
}, 240_000)

afterAll(() => services.stop(), 60_000)

/** A contract under three tariffs, one after the other. */
async function agree(): Promise<void> {
  const { rest } = services
  await createCatalogue(rest)
  await rest.post('/v1/accounts', { id: 'gamma', name: 'Customer gamma', timeZone: 'Europe/Berlin' })
  let from = FOREVER_FROM
  for (const [index, rules] of TARIFFS.entries()) {
    const id = `gamma-${index + 1}`
    await rest.post('/v1/tariffs', { id, currency: 'EUR', amountRounding: 'half-up', rules })
    await rest.post('/v1/contracts', {
      account: 'gamma',
      tariff: { id },
      period: { from, to: CHANGES[index] },
    })
    from = CHANGES[index]!
  }
  await rest.post('/v1/assignments', {
    account: 'gamma',
    resource: GAMMA.resource,
    period: { from: FOREVER_FROM },
  })
}

async function bill(month: number): Promise<Invoice> {
  const { rest } = services
  const body = { account: 'gamma', month: { year: 2026, month } }
  const { invoices } = await rest.post<{ invoices: { id: string }[] }>('/v1/invoice-runs', body)
  await rest.post(`/v1/invoices/${invoices[0]!.id}/issue`)
  return rest.get<Invoice>(`/v1/invoices/${invoices[0]!.id}`)
}

const rowsOf = ({ lines }: Invoice) =>
  lines.map(({ rule, pool, kind, quantity, amount }) => [
    pool === undefined ? rule : `${rule} ${pool}`,
    kind,
    quantity,
    amount.amount,
  ])

const proofOf = async ({ id }: Invoice) =>
  Buffer.from(await services.rest.bytes(`/v1/invoices/${id}/proof`)).toString('utf8')

describe('a contract of six rules, changed twice in a month with a reset, a gap and late usage', () => {
  it('bills what was worked by hand', () => {
    expect(rowsOf(march)).toEqual(MARCH.lines)
    expect(march.total.amount).toBe(MARCH.total)
  })

  it('bills what came late with the next invoice, as a correction', () => {
    expect(rowsOf(april)).toEqual(CORRECTION.lines)
    expect(april.total.amount).toBe(CORRECTION.total)
    expect(new Set(april.lines.map(({ corrects }) => corrects))).toEqual(new Set([march.number]))
  })

  it('explains each step of each line', () => {
    const steps = ({ lines }: Invoice) =>
      lines.map(({ trace }) => trace.map((step) => `${step.rule}: ${step.input} = ${step.output}`))
    expect(steps(march)).toEqual(MARCH_TRACES)
    expect(steps(april)).toEqual(CORRECTION_TRACES)
  })

  it('proves both', async () => {
    for (const invoice of [march, april]) {
      const { proof } = unwrap(verifyProof(await proofOf(invoice), { issuer: services.issuerPublicKey }))
      expect(proof.invoice?.total).toBe(invoice.total.amount)
    }
  })

  it('comes to the same when frozen usage is rated again, and to nothing more when all of it is', async () => {
    for (const usage of ['frozen', 'current']) {
      const path = `/v1/invoices/${march.id}/rerating?usage=${usage}`
      const { difference } = await services.rest.get<{ difference: { amount: string } }>(path)
      expect(difference.amount).toBe('0.00')
    }
  })

  it('is shared out over days by what was used in each, and sums to the invoices', async () => {
    const { rows } = await services.rest.get<{ rows: Record<string, string | null>[] }>(
      '/v1/accounts/gamma/charges?from=2026-02-28T23:00:00Z&to=2026-03-31T22:00:00Z&grain=day&format=json',
    )
    for (const { number, total } of [march, april]) {
      const own = rows.filter((row) => row['InvoiceNumber'] === number)
      const sum = own.map((row) => unwrap(parseDecimal(row['Amount']!))).reduce(add, rational(0n))
      expect(formatDecimal(sum, 2, ROUNDINGS['half-up'])).toBe(total.amount)
    }
    const first = (rule: string, pool: string | null) =>
      rows
        .filter(
          (row) => row['InvoiceNumber'] === march.number && row['Rule'] === rule && row['Pool'] === pool,
        )
        .slice(0, 10)
        .map((row) => [row['Quantity'], row['Amount']])
    // Eight hours of night a day, 2 GiB; on the tenth five of them were not seen.
    expect(first('memory', 'night')).toEqual([
      ...Array.from({ length: 9 }, () => ['16', '0.08']),
      ['6', '0.03'],
    ])
    expect(first('base', null)).toEqual(Array.from({ length: 10 }, () => ['0.1', '1.00']))
  })

  it('gained a cent by rounding: half of one on core-hours of the second contract, and of the third', async () => {
    const { rows } = await services.rest.get<{ rows: Record<string, string>[] }>(
      '/v1/exports/rounding?from=2026-03-01T00:00:00Z&to=2026-05-01T00:00:00Z&format=json',
    )
    expect(rows.map((row) => [row['InvoiceNumber'], row['Billed'], row['Exact'], row['Gain']])).toEqual([
      [march.number, '39.95', '39.940000000000', '0.010000000000'],
      [april.number, '4.36', '4.360000000000', '0.000000000000'],
    ])
  })

  it('sums to the invoices in the FOCUS dataset, read from Parquet by the engine', async () => {
    const query = 'from=2026-03-01T00:00:00Z&to=2026-05-01T00:00:00Z'
    const { rows } = await services.rest.get<{ rows: Record<string, string | null>[] }>(
      `/v1/exports/focus?${query}&format=json`,
    )
    expect(focusViolations(rows)).toEqual([])
    const path = join(services.directory, 'focus.parquet')
    await writeFile(path, await services.rest.bytes(`/v1/exports/focus?${query}&format=parquet`))
    const client = await stores.clickhouse()
    const sql = `SELECT InvoiceId AS id, toString(sum(BilledCost)) AS total, toTypeName(any(BilledCost)) AS type,
      toString(min(ChargePeriodStart)) AS since FROM file('${path}', Parquet) GROUP BY id ORDER BY id`
    const answer = await client.query({ query: sql, format: 'JSONEachRow' })
    expect(await answer.json()).toEqual(
      [march, april].map(({ number, total }) => ({
        id: number,
        total: total.amount,
        type: 'Nullable(Decimal(38, 12))',
        since: expect.stringMatching(/^2026-0[23]-/),
      })),
    )
  })
})
