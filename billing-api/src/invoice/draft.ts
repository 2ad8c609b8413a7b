import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Charge } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import type { CurrencyCode } from '@vouch/proto/kernel/currency.ts'
import { collect, fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { formatAmount, parseAmount, sumMoney } from '@vouch/proto/kernel/money.ts'
import type { Division } from '../attribution/division.ts'
import type { Draft, InvoiceLine, Statement } from './invoice.ts'

/** A statement with its charges, and the tariff that priced them. */
export interface Rated {
  readonly tariff: Tariff
  readonly statement: Pick<Statement, 'snapshot' | 'unpriced' | 'corrects'>
  readonly charges: readonly Charge[]
  /** How each charge divides over the buyer's cost centres; absent = none does. */
  readonly costCentres?: readonly Division[]
}

/** Whether a line of this kind prices usage, measured or estimated. */
export function isUsage(kind: string): boolean {
  return kind === 'usage' || kind === 'late-usage' || kind === 'estimate'
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
  const parts = rated.flatMap(({ charges, costCentres }, statement) =>
    charges.map((charge, index) => ({ statement, charge, costCentres: costCentres?.[index] ?? [] })),
  )
  const lines = collect(parts.map((part, index) => line({ ...part, lineNumber: index + 1 }, currency)))
  if (!lines.ok) return lines
  const total = sumMoney(
    lines.value.map(({ amount }) => amount),
    currency,
  )
  if (total.minor > TOTAL_MINOR_MAX || total.minor < -TOTAL_MINOR_MAX) {
    return fail('OUT_OF_RANGE', `the total of ${formatAmount(total)} ${currency} is too large to post`)
  }
  const statements = rated.map(({ tariff, statement }) => {
    return { ...statement, tariff: tariff.tariffId, tariffVersion: tariff.version }
  })
  return ok({ ...head, currency, statements, lines: lines.value, total })
}

function line(part: Omit<InvoiceLine, 'amount'>, currency: CurrencyCode): Result<InvoiceLine> {
  const { lineNumber, charge } = part
  if (charge.currency !== currency) {
    return fail('CURRENCY_MISMATCH', `line ${lineNumber} is in ${charge.currency}, its tariff in ${currency}`)
  }
  const amount = parseAmount(charge.amount, currency)
  return amount.ok ? ok({ ...part, amount: amount.value }) : amount
}
