import fc from 'fast-check'
import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { ChargeSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { money, sumMoney } from '@vouch/proto/kernel/money.ts'
import type { InvoiceLine } from '../invoice/invoice.ts'
import { entry, postInvoice } from './entry.ts'

const lines = fc
  .array(
    fc.tuple(fc.constantFrom('cpu', 'disk', 'net'), fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n })),
    {
      minLength: 1,
      maxLength: 40,
    },
  )
  .map((pairs) =>
    pairs.map(([itemId, minor], index): InvoiceLine => ({
      lineNumber: index + 1,
      costCentres: [],
      statement: 0,
      amount: money(minor, 'EUR'),
      charge: create(ChargeSchema, { itemId }),
    })),
  )

const invoiceOf = (own: readonly InvoiceLine[]) => ({
  buyer: { id: 'acme', name: 'Acme' },
  lines: own,
  total: sumMoney(
    own.map(({ amount }) => amount),
    'EUR',
  ),
})

describe('postInvoice', () => {
  it('balances for any lines, owes the total, and earns each item once', () => {
    fc.assert(
      fc.property(lines, (own) => {
        const invoice = invoiceOf(own)
        const { postings } = unwrap(postInvoice('INV-000001', invoice))
        expect(
          sumMoney(
            postings.map(({ amount }) => amount),
            'EUR',
          ).minor,
        ).toBe(0n)
        expect(postings[0]).toEqual({ code: 'receivable', subject: 'acme', amount: invoice.total })
        const items = postings.slice(1).map(({ subject }) => subject)
        expect(items.toSorted()).toEqual([...new Set(own.map(({ charge }) => charge.itemId))].toSorted())
      }),
    )
  })

  it('does not depend on the order of the lines', () => {
    fc.assert(
      fc.property(lines, (own) => {
        const sums = (list: readonly InvoiceLine[]) =>
          unwrap(postInvoice('INV-000001', invoiceOf(list)))
            .postings.map(({ subject, amount }) => `${subject} ${amount.minor}`)
            .toSorted()
        expect(sums(own.toReversed())).toEqual(sums(own))
      }),
    )
  })

  it('refuses a total that is not the sum of the lines', () => {
    fc.assert(
      fc.property(lines, fc.bigInt({ min: 1n, max: 100n }), (own, error) => {
        const invoice = invoiceOf(own)
        const wrong = { ...invoice, total: money(invoice.total.minor + error, 'EUR') }
        expect(postInvoice('INV-000001', wrong)).toMatchObject({ fault: { code: 'LEDGER_UNBALANCED' } })
      }),
    )
  })
})

describe('entry', () => {
  it('balances each currency by itself', () => {
    const posting = (minor: bigint, currency: 'EUR' | 'USD') =>
      ({ code: 'revenue', subject: 'x', amount: money(minor, currency) }) as const
    expect(entry('x', [posting(5n, 'EUR'), posting(-5n, 'USD')]).ok).toBe(false)
    expect(
      entry('x', [posting(5n, 'EUR'), posting(-5n, 'EUR'), posting(1n, 'USD'), posting(-1n, 'USD')]).ok,
    ).toBe(true)
    expect(entry('x', [posting(0n, 'EUR')]).ok).toBe(false)
  })
})
