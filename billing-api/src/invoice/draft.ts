import type { Item, Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Charge } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import type { CurrencyCode } from '@vouch/proto/kernel/currency.ts'
import { collect, fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { formatAmount, parseAmount, sumMoney } from '@vouch/proto/kernel/money.ts'
import type { Draft, InvoiceLine } from './invoice.ts'

/** The charges of one stretch, and the tariff that priced them. */
export interface Rated {
  readonly tariff: Tariff
  readonly charges: readonly Charge[]
}

/** Everything of a draft that does not follow from its charges. */
export type DraftHead = Pick<Draft, 'seller' | 'buyer' | 'period' | 'timeZone'>

/** Largest total, in minor units: what the ledger's 64-bit columns hold. */
const TOTAL_MINOR_MAX = 2n ** 63n - 1n

/**
 * One draft for each currency, in order of first appearance; lines in the order of the charges.
 * Faults: INVOICE_EMPTY, CURRENCY_MISMATCH where a charge is not in its tariff's currency, AMOUNT_SCALE,
 * OUT_OF_RANGE.
 */
export function draftInvoices(head: DraftHead, rated: readonly Rated[]): Result<Draft[]> {
  const currencies = [
    ...new Set(rated.filter(({ charges }) => charges.length > 0).map(({ tariff }) => tariff.currency)),
  ]
  if (currencies.length === 0) {
    return fail('INVOICE_EMPTY', `${head.buyer.id} has no usage under a contract in this period`)
  }
  return collect(
    currencies.map((name) => {
      const currency = parseCurrency(name)
      if (!currency.ok) return currency
      return draftInvoice(
        head,
        currency.value,
        rated.filter(({ tariff }) => tariff.currency === name),
      )
    }),
  )
}

function draftInvoice(head: DraftHead, currency: CurrencyCode, rated: readonly Rated[]): Result<Draft> {
  const pairs = rated.flatMap(({ tariff, charges }) => charges.map((charge) => ({ tariff, charge })))
  const lines = collect(pairs.map(({ tariff, charge }, index) => line(index + 1, tariff, charge, currency)))
  if (!lines.ok) return lines
  const total = sumMoney(
    lines.value.map(({ amount }) => amount),
    currency,
  )
  if (total.minor > TOTAL_MINOR_MAX || total.minor < -TOTAL_MINOR_MAX) {
    return fail('OUT_OF_RANGE', `the total of ${formatAmount(total)} ${currency} is too large to post`)
  }
  return ok({ ...head, currency, lines: lines.value, total })
}

function line(
  lineNumber: number,
  tariff: Tariff,
  charge: Charge,
  currency: CurrencyCode,
): Result<InvoiceLine> {
  if (charge.currency !== currency) {
    return fail('CURRENCY_MISMATCH', `line ${lineNumber} is in ${charge.currency}, its tariff in ${currency}`)
  }
  const amount = parseAmount(charge.amount, currency)
  if (!amount.ok) return amount
  const item = itemOf(tariff, charge.itemId)
  return ok({
    lineNumber,
    description: item.name,
    tariff: tariff.tariffId,
    tariffVersion: tariff.version,
    amount: amount.value,
    charge,
  })
}

function itemOf(tariff: Tariff, itemId: string): Item {
  const item = tariff.items.find((candidate) => candidate.itemId === itemId)
  if (item === undefined) throw new Error(`rating charged ${itemId}, which ${tariff.tariffId} does not price`)
  return item
}
