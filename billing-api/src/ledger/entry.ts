import type { CurrencyCode } from '@vouch/proto/kernel/currency.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { addMoney, money, negateMoney } from '@vouch/proto/kernel/money.ts'
import type { Money } from '@vouch/proto/kernel/money.ts'
import type { Draft } from '../invoice/invoice.ts'

/** Accounts of the ledger that are posted to. */
export type LedgerCode = 'receivable' | 'revenue'

/** One side of an entry: debit positive, credit negative. */
export interface Posting {
  readonly code: LedgerCode
  /** The customer of a receivable, the item of a revenue. */
  readonly subject: string
  readonly amount: Money
}

/** Postings that belong together and sum to zero in each currency. */
export interface Entry {
  readonly description: string
  readonly postings: readonly Posting[]
}

/** An entry. Faults: LEDGER_UNBALANCED unless two or more postings sum to zero in each currency. */
export function entry(description: string, postings: readonly Posting[]): Result<Entry> {
  if (postings.length < 2) return fail('LEDGER_UNBALANCED', 'an entry has two sides or more')
  const sums = new Map<CurrencyCode, bigint>()
  for (const { amount } of postings) {
    sums.set(amount.currency, (sums.get(amount.currency) ?? 0n) + amount.minor)
  }
  for (const [currency, minor] of sums) {
    if (minor !== 0n) return fail('LEDGER_UNBALANCED', `${currency} is off by ${minor} minor units`)
  }
  return ok({ description, postings })
}

/** Posts an invoice: the customer owes the total, each item earned its lines. Faults: LEDGER_UNBALANCED. */
export function postInvoice(
  number: string,
  invoice: Pick<Draft, 'buyer' | 'lines' | 'total'>,
): Result<Entry> {
  const earned = new Map<string, Money>()
  for (const { charge, amount } of invoice.lines) {
    const sum = earned.get(charge.itemId) ?? money(0n, amount.currency)
    earned.set(charge.itemId, addMoney(sum, amount))
  }
  const revenue = [...earned].map(([subject, sum]): Posting => ({
    code: 'revenue',
    subject,
    amount: negateMoney(sum),
  }))
  return entry(`Invoice ${number}`, [
    { code: 'receivable', subject: invoice.buyer.id, amount: invoice.total },
    ...revenue,
  ])
}
