import type { Invoice } from '@vouch/proto/gen/vouch/proof/v1/proof_pb.ts'
import type { Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { formatAmount, parseAmount, sumMoney } from '@vouch/proto/kernel/money.ts'
import { parseInstant, parseZone } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { mismatch, same } from './mismatch.ts'
import { periodOf } from './usage.ts'

/** Checks the invoice's own arithmetic: line numbers, period, currency, total. Lines are checked before. */
export function checkInvoice(invoice: Invoice): void {
  if (invoice.number === '') mismatch('invoice.number', 'is missing')
  if (invoice.lines.length === 0) mismatch('invoice.lines', 'is empty')
  taken('invoice.issuedAt', parseInstant(invoice.issuedAt))
  same('invoice.timeZone', invoice.timeZone, taken('invoice.timeZone', parseZone(invoice.timeZone)))
  const from = taken('invoice.periodFrom', parseInstant(invoice.periodFrom))
  const to = taken('invoice.periodTo', parseInstant(invoice.periodTo))
  if (from >= to) mismatch('invoice.periodTo', 'does not lie after the start')
  const currency = taken('invoice.currency', parseCurrency(invoice.currency))
  for (const [i, { snapshot }] of invoice.statements.entries())
    checkPeriod(`invoice.statements[${i}].snapshot`, snapshot!, invoice, { from, to })
  const amounts = invoice.lines.map(({ lineNumber, charge }, i) => {
    const path = `invoice.lines[${i}]`
    same(`${path}.lineNumber`, lineNumber, i + 1)
    same(`${path}.charge.currency`, charge?.currency ?? '', currency)
    return taken(`${path}.charge.amount`, parseAmount(charge?.amount ?? '', currency))
  })
  same('invoice.total', invoice.total, formatAmount(sumMoney(amounts, currency)))
}

/** A statement is of the period of the invoice; what it corrects lies before, what it bills in advance follows. */
function checkPeriod(
  path: string,
  { period: own, timeZone, corrects, advance }: Snapshot,
  invoice: Invoice,
  { from, to }: Period,
): void {
  const period = periodOf(`${path}.period`, own)
  if (corrects !== '') {
    const isEarlier = advance ? period.from < to : period.to <= from
    if (!isEarlier) mismatch(`${path}.period`, 'is not before the period of the invoice')
    return
  }
  same(`${path}.period.fromMs`, period.from, advance ? to : from)
  if (!advance) same(`${path}.period.toMs`, period.to, to)
  same(`${path}.timeZone`, timeZone, invoice.timeZone)
}

function taken<T>(path: string, result: Result<T>): T {
  return result.ok ? result.value : mismatch(path, result.fault.message)
}
