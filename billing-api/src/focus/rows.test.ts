import { create } from '@bufbuild/protobuf'
import { ChargeSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { money, parseAmount } from '@vouch/proto/kernel/money.ts'
import { rational } from '@vouch/proto/kernel/rational.ts'
import { expect, test } from 'vitest'
import type { Division } from '../attribution/division.ts'
import type { Invoice } from '../invoice/invoice.ts'
import { focusViolations } from '../testing/focus-conformance.ts'
import { parquetOf } from '../tabular/parquet.ts'
import { csvOf } from '../tabular/csv.ts'
import { FOCUS_COLUMNS } from './columns.ts'
import { focusRows } from './rows.ts'

const hour = { fromMs: 0n, toMs: 3_600_000n }

/** An issued invoice of one line. */
function invoiceOf(charge: object, costCentres: Division = []): Invoice {
  const whole = create(ChargeSchema, { period: hour, currency: 'EUR', itemId: 'i', ruleId: 'i', ...charge })
  const total = unwrap(parseAmount(whole.amount, 'EUR'))
  const party = { id: 'acme', name: 'Acme' }
  return {
    id: 'x',
    seller: party,
    buyer: party,
    currency: 'EUR',
    period: { from: 0, to: 3_600_000 },
    timeZone: 'UTC',
    statements: [],
    lines: [{ lineNumber: 1, statement: -1, amount: total, charge: whole, costCentres }],
    total: money(total.minor, 'EUR'),
    createdMs: 0,
    issue: { number: 'INV-000001', atMs: 0, proofSha256: new Uint8Array(32) },
    release: undefined,
  }
}

test.each<[string, object, object]>([
  [
    'a product of more than twelve places',
    {
      kind: 'usage',
      meter: 'host.cpu.used',
      quantity: '0.123456789',
      unit: 'core-hour',
      unitPrice: '0.0045',
      exact: '0.0005555555505',
      amount: '0.00',
    },
    { PricingQuantity: '1', ContractedUnitPrice: '0.000555555550', ContractedCost: '0.000555555550' },
  ],
  [
    'a fee that is a reduction',
    { kind: 'fee', exact: '-100', amount: '-100.00' },
    { PricingQuantity: '-1', ContractedUnitPrice: '100', ContractedCost: '-100' },
  ],
  [
    'a discount that was rounded',
    { kind: 'discount', exact: '-0.3349', amount: '-0.33' },
    { ContractedCost: '-0.33', ListCost: '-0.33', BilledCost: '-0.33', ContractedUnitPrice: null },
  ],
  [
    'a line that does not say its exact amount',
    { kind: 'usage', quantity: '1', unit: 'GB', exact: '', amount: '0.09' },
    { ContractedCost: '0.09', BilledCost: '0.09' },
  ],
  [
    'usage that is taken back, whose measurements are not there',
    { kind: 'late-usage', meter: 'host.cpu.used', exact: '-1', amount: '-1.00' },
    { ServiceCategory: 'Compute' },
  ],
])('%s conforms, and can be written in every form', (_, charge, expected) => {
  const rows = focusRows(invoiceOf(charge))
  expect(rows).toMatchObject([expected])
  expect(focusViolations(rows as never)).toEqual([])
  const table = { columns: FOCUS_COLUMNS, rows }
  expect(() => [parquetOf(table), csvOf(table)]).not.toThrow()
})

test.each<[string, object, readonly (readonly [string | undefined, bigint, bigint?])[], object[]]>([
  [
    'usage at a price, whose quantity does not divide evenly',
    {
      kind: 'usage',
      meter: 'host.cpu.used',
      quantity: '10',
      unit: 'core-hour',
      unitPrice: '0.045',
      exact: '0.45',
      amount: '0.45',
    },
    [
      [undefined, 15n, 1n],
      ['shop', 30n, 2n],
    ],
    [
      {
        x_CostCentre: null,
        BilledCost: '0.15',
        PricingQuantity: '3.333333',
        ConsumedQuantity: '3.333333',
        ContractedCost: '0.149999985',
      },
      {
        x_CostCentre: 'shop',
        BilledCost: '0.30',
        PricingQuantity: '6.666667',
        ConsumedQuantity: '6.666667',
        ContractedCost: '0.300000015',
      },
    ],
  ],
  [
    'usage without one price',
    {
      kind: 'usage',
      meter: 'host.cpu.used',
      quantity: '1000',
      unit: 'core-hour',
      exact: '7/3',
      amount: '2.33',
    },
    [
      ['blog', 117n, 1n],
      ['shop', 116n, 1n],
    ],
    [
      {
        x_CostCentre: 'blog',
        PricingQuantity: '1',
        ConsumedQuantity: '500',
        ContractedCost: '1.166666666667',
      },
      {
        x_CostCentre: 'shop',
        PricingQuantity: '1',
        ConsumedQuantity: '500',
        ContractedCost: '1.166666666667',
      },
    ],
  ],
  [
    'a correction, up here and down there',
    {
      kind: 'late-usage',
      meter: 'host.cpu.used',
      quantity: '-4',
      unit: 'core-hour',
      exact: '-0.02',
      amount: '-0.02',
    },
    [
      ['blog', 1n],
      ['shop', -3n],
    ],
    [
      { x_CostCentre: 'blog', BilledCost: '0.01', ConsumedQuantity: '-1', EffectiveCost: '0.01' },
      { x_CostCentre: 'shop', BilledCost: '-0.03', ConsumedQuantity: '-3', EffectiveCost: '-0.03' },
    ],
  ],
  [
    'a discount',
    { kind: 'discount', exact: '-0.3349', amount: '-0.33' },
    [['blog', -33n, 1n]],
    [{ x_CostCentre: 'blog', BilledCost: '-0.33', ContractedCost: '-0.33', ConsumedQuantity: null }],
  ],
])('%s has a row for each cost centre', (_, charge, parts, expected) => {
  const whole = parts.reduce((sum, [, , weight = 0n]) => sum + weight, 0n)
  const division = parts.map(([costCentre, minor, weight]) => ({
    costCentre,
    amount: money(minor, 'EUR'),
    share: weight === undefined ? undefined : rational(weight, whole),
  }))
  const rows = focusRows(invoiceOf(charge, division))
  expect(rows).toMatchObject(expected)
  expect(focusViolations(rows as never)).toEqual([])
})

test('text that a spreadsheet would run is marked, an amount below zero is not', () => {
  const rows = focusRows(
    invoiceOf({ kind: 'fee', description: "-2+3+cmd|' /C calc'!A0", exact: '-1', amount: '-1.00' }),
  )
  const text = new TextDecoder().decode(csvOf({ columns: FOCUS_COLUMNS, rows }))
  expect(text).toContain(`'-2+3+cmd`)
  expect(text).toContain(',-1.00,')
  expect(text).not.toContain(`'-1`)
})
