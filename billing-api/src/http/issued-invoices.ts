import { throwFault } from '@vouch/proto/kernel/fault.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Invoice } from '../invoice/invoice.ts'
import type { Sql } from '../postgres/database.ts'
import { findInvoice, issuedWithin } from '../postgres/invoices.ts'

const INVOICES_MAX = 5000

/** Issued invoices whose periods end in (from, to], of one account or of all, one after the other. Fault: OUT_OF_RANGE beyond 5,000. */
export async function* issuedInvoices(
  sql: Sql,
  period: Period,
  account: string | undefined,
): AsyncGenerator<Invoice> {
  const ids = await issuedWithin(sql, period, account, INVOICES_MAX + 1)
  if (ids.length > INVOICES_MAX)
    throwFault('OUT_OF_RANGE', `more than ${INVOICES_MAX} invoices; ask for a shorter period or one account`)
  for (const id of ids) {
    const invoice = await findInvoice(sql, id)
    if (invoice !== undefined) yield invoice
  }
}
