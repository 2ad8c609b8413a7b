import fc from 'fast-check'
import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { TariffSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { ChargeSchema, SnapshotSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatAmount, money } from '@vouch/proto/kernel/money.ts'
import { draftInvoices } from './draft.ts'
import { invoiceNumber } from './invoice.ts'

const head = {
  seller: { id: 's', name: 'Seller' },
  buyer: { id: 'b', name: 'Buyer' },
  period: { from: 0, to: 1 },
  timeZone: 'UTC',
}
const tariff = (currency: string) =>
  create(TariffSchema, { tariffId: 't', version: 3, currency, items: [{ itemId: 'cpu', name: 'CPU' }] })
const charge = (amount: string, currency: string) => create(ChargeSchema, { itemId: 'cpu', amount, currency })
const statement = { snapshot: create(SnapshotSchema), unpriced: [], corrects: undefined }
const rated = (currency: string, ...amounts: string[]) => ({
  tariff: tariff(currency),
  statement,
  charges: amounts.map((amount) => charge(amount, currency)),
})

describe('draftInvoices', () => {
  it('sums to the cent, however many lines', () => {
    const cents = fc.array(fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }), {
      minLength: 1,
      maxLength: 60,
    })
    fc.assert(
      fc.property(cents, (minors) => {
        const amounts = minors.map((minor) => formatAmount(money(minor, 'EUR')))
        const [draft] = unwrap(draftInvoices(head, [rated('EUR', ...amounts)]))
        expect(draft!.total.minor).toBe(minors.reduce((sum, minor) => sum + minor, 0n))
        expect(draft!.lines.map(({ lineNumber }) => lineNumber)).toEqual(minors.map((_, index) => index + 1))
      }),
    )
  })

  it('keeps currencies apart', () => {
    const drafts = unwrap(
      draftInvoices(head, [rated('JPY', '300'), rated('KWD', '1.005'), rated('JPY', '23')]),
    )
    expect(drafts.map(({ total }) => `${formatAmount(total)} ${total.currency}`)).toEqual([
      '323 JPY',
      '1.005 KWD',
    ])
  })

  it.each([
    ['INVOICE_EMPTY', []],
    ['INVOICE_EMPTY', [rated('EUR')]],
    ['AMOUNT_SCALE', [rated('EUR', '1.005')]],
    ['AMOUNT_SCALE', [rated('JPY', '1.0')]],
    ['CURRENCY_UNKNOWN', [rated('XXX', '1')]],
    ['CURRENCY_MISMATCH', [{ tariff: tariff('EUR'), statement, charges: [charge('1.00', 'USD')] }]],
    ['OUT_OF_RANGE', [rated('JPY', '9000000000000000000', '9000000000000000000')]],
  ])('answers %s', (code, input) => {
    expect(draftInvoices(head, input)).toMatchObject({ ok: false, fault: { code } })
  })
})

describe('invoiceNumber', () => {
  it.each([
    [1n, 'INV-000001'],
    [999_999n, 'INV-999999'],
    [1_000_000n, 'INV-1000000'],
  ])('%s is %s', (ordinal, number) => {
    expect(invoiceNumber('INV', ordinal)).toBe(number)
  })
})
