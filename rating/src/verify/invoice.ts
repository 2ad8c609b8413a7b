import type { Invoice } from '@vouch/proto/gen/vouch/proof/v1/proof_pb.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { formatAmount, parseAmount, sumMoney } from '@vouch/proto/kernel/money.ts'
import { parseInstant, parseZone } from '@vouch/proto/kernel/period.ts'
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
  for (const [i, { snapshot }] of invoice.statements.entries()) {
    const path = `invoice.statements[${i}].snapshot.period`
    const period = periodOf(path, snapshot?.period)
    if (snapshot?.corrects !== '') {
      if (period.to > from) mismatch(path, 'is not before the period of the invoice')
      continue
    }
    same(`${path}.fromMs`, period.from, from)
    same(`${path}.toMs`, period.to, to)
    same(`invoice.statements[${i}].snapshot.timeZone`, snapshot.timeZone, invoice.timeZone)
  }
  const amounts = invoice.lines.map(({ lineNumber, charge }, i) => {
    const path = `invoice.lines[${i}]`
    same(`${path}.lineNumber`, lineNumber, i + 1)
    same(`${path}.charge.currency`, charge?.currency ?? '', currency)
    return taken(`${path}.charge.amount`, parseAmount(charge?.amount ?? '', currency))
  })
  same('invoice.total', invoice.total, formatAmount(sumMoney(amounts, currency)))
}

function taken<T>(path: string, result: Result<T>): T {
  return result.ok ? result.value : mismatch(path, result.fault.message)
}
