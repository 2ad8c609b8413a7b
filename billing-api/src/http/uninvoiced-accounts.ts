import { FaultError, fail, summarise } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { RuleSet } from '../attribution/rule-set.ts'
import { accountsOf } from '../attribution/rule-set.ts'
import type { OpenPeriod } from '../contract/contract.ts'
import type { Sql } from '../postgres/database.ts'
import { invoiceTouching } from '../postgres/invoices.ts'
import type { InvoiceHead } from '../postgres/invoices.ts'
import { ruleSetsIn } from '../postgres/rule-sets.ts'

/**
 * Holds every account that the rule sets name and makes sure that no invoice of theirs covers any of the period:
 * what an invoice may have been drawn from must not change behind it.
 * Faults, of all accounts at once: INVOICE_ISSUED, ALREADY_EXISTS where it is a draft; they point to `pointer`.
 */
export async function holdAllUninvoiced(
  sql: Sql,
  ruleSets: readonly RuleSet[],
  span: OpenPeriod,
  pointer: string,
): Promise<void> {
  const named = [...new Set(ruleSets.flatMap(accountsOf))]
  // In the order in which whoever draws for all of them takes them.
  const rows = await sql.rows<{ account_id: string }>(
    'SELECT account_id FROM billing.accounts WHERE account_id = ANY($1) ORDER BY account_id FOR UPDATE',
    [named],
  )
  const faults: Fault[] = []
  for (const { account_id: account } of rows) {
    const invoice = await invoiceTouching(sql, account, span)
    if (invoice !== undefined) faults.push(objectionOf(account, invoice, pointer))
  }
  const [first, ...rest] = faults
  if (first !== undefined) throw new FaultError(summarise([first, ...rest]).fault)
}

/**
 * The same for every account that attribution rules in force in the period name: what is assigned is taken from what they give.
 * Faults: as of {@link holdAllUninvoiced}.
 */
export async function holdRuled(sql: Sql, span: OpenPeriod, pointer: string): Promise<void> {
  const ruleSets = await ruleSetsIn(sql, span)
  if (ruleSets.length > 0) await holdAllUninvoiced(sql, ruleSets, span, pointer)
}

function objectionOf(account: string, { id, issue, period }: InvoiceHead, pointer: string): Fault {
  if (issue === undefined) {
    const message = `the draft ${id} of ${account} covers part of what would change; discard it first`
    return fail('ALREADY_EXISTS', message, { pointer }).fault
  }
  const start = formatInstant(period.to)
  const message = `invoice ${issue.number} of ${account} covers part of what would change; start at ${start} or later`
  return fail('INVOICE_ISSUED', message, { pointer }).fault
}
