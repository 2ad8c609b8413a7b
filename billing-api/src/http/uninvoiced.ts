import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatInstant, parseInstant, period } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { at } from '../catalogue/item.ts'
import { closed } from '../contract/contract.ts'
import type { OpenPeriod } from '../contract/contract.ts'
import { lockAccount } from '../postgres/accounts.ts'
import type { Sql } from '../postgres/database.ts'
import { invoiceTouching } from '../postgres/invoices.ts'
import { found } from './operation.ts'

/**
 * Holds the account and makes sure that no invoice covers any of the period: what an invoice was drawn from
 * must not change behind it. Faults: NOT_FOUND, INVOICE_ISSUED, ALREADY_EXISTS where it is a draft.
 */
export async function holdUninvoiced(sql: Sql, account: string, span: OpenPeriod): Promise<void> {
  found(await lockAccount(sql, account), `account ${account}`)
  const invoice = await invoiceTouching(sql, account, span)
  if (invoice === undefined) return
  const upTo = formatInstant(invoice.period.to)
  if (invoice.issue !== undefined) {
    throwFault(
      'INVOICE_ISSUED',
      `invoice ${invoice.issue.number} covers part of the period; start at ${upTo} or later`,
    )
  }
  throwFault('ALREADY_EXISTS', `the draft ${invoice.id} covers part of the period; discard it first`)
}

/** The contract or assignment as it is once its account is held: whoever held it before may have ended it. */
export async function held<T extends { readonly account: string }>(
  sql: Sql,
  find: () => Promise<T | undefined>,
  what: string,
): Promise<T> {
  await lockAccount(sql, found(await find(), what).account)
  return found(await find(), what)
}

/** The period with an earlier end. Faults: those above, FIELD_INVALID, PERIOD_REVERSED, INSTANT_INVALID. */
export async function endPeriod(
  sql: Sql,
  of: { readonly account: string; readonly period: OpenPeriod },
  to: string,
): Promise<Period> {
  const end = unwrap(at('/to', parseInstant(to)))
  const whole = closed(of.period)
  if (end > whole.to) {
    throwFault('FIELD_INVALID', `it ends at ${formatInstant(whole.to)}; an end can only be moved earlier`, {
      pointer: '/to',
    })
  }
  const shortened = unwrap(at('/to', period(whole.from, end)))
  if (end < whole.to) await holdUninvoiced(sql, of.account, { from: end, to: of.period.to })
  return shortened
}
