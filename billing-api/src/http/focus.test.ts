import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FOCUS_COLUMNS } from '../focus/columns.ts'
import { draw, openAccount, publishTariff, startFixture } from '../testing/billing-fixture.ts'
import type { Fixture } from '../testing/billing-fixture.ts'
import { focusViolations } from '../testing/focus-conformance.ts'

type Row = Record<string, string | null>

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
  await publishTariff(fixture)
  await openAccount(fixture, 'acme', '=Acme & Söhne, "Łódź"')
  for (const month of [2, 3]) {
    await fixture.send('POST', `/v1/invoices/${await draw(fixture, 'acme', month)}/issue`)
    // Known only when February is billed: March corrects it.
    fixture.rating.arriveLate('host:acme', 3_600_000n)
  }
  await draw(fixture, 'acme', 4)
})
afterAll(() => fixture.close())

const YEAR = 'from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z'
const get = (query: string) => fixture.send('GET', `/v1/exports/focus?${query}`)
const json = async (query: string): Promise<Row[]> =>
  (await get(`${query}&format=json`)).body['rows'] as unknown as Row[]

describe('the FOCUS dataset', () => {
  it('conforms to version 1.2, row by row', async () => {
    const rows = await json(YEAR)
    expect(rows).toHaveLength(6)
    expect(focusViolations(rows)).toEqual([])
    expect(rows.map((row) => row['ServiceCategory'])).not.toContain('Other')
    expect(Object.keys(rows[0]!)).toEqual(Object.keys(FOCUS_COLUMNS))
  })

  it('sums to each issued invoice, and has no draft', async () => {
    const rows = await json(YEAR)
    const { body } = await fixture.send('GET', '/v1/invoices?account=acme&status=issued')
    const totals = new Map<string, bigint>()
    for (const { InvoiceId: id, BilledCost: cost } of rows)
      totals.set(id!, (totals.get(id!) ?? 0n) + BigInt(cost!.replace('.', '')))
    const issued = body['items'] as unknown as { number: string; total: { amount: string } }[]
    expect([...totals]).toEqual(
      issued.map(({ number, total }) => [number, BigInt(total.amount.replace('.', ''))]),
    )
  })

  it('says what a correction corrects, and when that was used', async () => {
    const rows = await json(YEAR)
    const corrections = rows.filter((row) => row['ChargeClass'] === 'Correction')
    expect(corrections).toHaveLength(2)
    expect(corrections[0]).toMatchObject({
      InvoiceId: 'INV-000002',
      x_CorrectsInvoiceId: 'INV-000001',
      ChargePeriodStart: '2026-01-31T23:00:00Z',
      BillingPeriodStart: '2026-02-28T23:00:00Z',
      BilledCost: '12.04',
    })
  })

  it('is the same as CSV, with what a spreadsheet would run made harmless', async () => {
    const rows = await json(YEAR)
    const { headers, bytes } = await get(YEAR)
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8')
    const read = parse<Record<string, string>>(Buffer.from(bytes), { columns: true })
    const expected = rows.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [
          name,
          value === '=Acme & Söhne, "Łódź"' ? `'${value}` : (value ?? ''),
        ]),
      ),
    )
    expect(read).toEqual(expected)
  })

  it('is bounded by the period and the account', async () => {
    expect(await json('from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z')).toHaveLength(2)
    expect(await json(`${YEAR}&account=nobody`)).toEqual([])
  })

  it.each([
    [
      'a period that ends before it begins',
      'from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z',
      'PERIOD_REVERSED',
    ],
    ['no end', 'from=2026-02-01T00:00:00Z', 'FIELD_MISSING'],
    ['another form', `${YEAR}&format=xlsx`, 'FIELD_INVALID'],
  ])('is refused for %s', async (_, query, code) => {
    expect((await get(query)).body['code']).toBe(code)
  })
})

describe('the check of conformance', () => {
  it.each<[string, Row, string]>([
    ['a cost that is missing', { BilledCost: null }, 'BilledCost must not be null'],
    ['a category of its own', { ChargeCategory: 'Fee' }, 'ChargeCategory is one of the allowed values'],
    ['usage without a price', { ContractedUnitPrice: null }, 'ContractedUnitPrice of usage and purchases'],
    ['a price that does not fit', { ContractedUnitPrice: '1' }, 'ContractedUnitPrice × PricingQuantity'],
    ['an amount as a float', { BilledCost: '1e-7' }, 'BilledCost is no decimal'],
    [
      'local time',
      { ChargePeriodStart: '2026-02-01T00:00:00+01:00' },
      'ChargePeriodStart is no instant in UTC',
    ],
  ])('finds %s', async (_, change, violation) => {
    const [row] = await json(YEAR)
    expect(focusViolations([{ ...row, ...change }]).join('\n')).toContain(violation)
  })
})
