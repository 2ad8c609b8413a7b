import { FaultError, throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { FaultCode } from '@vouch/proto/kernel/fault.ts'
import { uuidV7 } from '@vouch/proto/kernel/id.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { cutByContract } from '../contract/contract.ts'
import type { Account, Contract } from '../contract/contract.ts'
import { draftInvoices } from '../invoice/draft.ts'
import type { Rated } from '../invoice/draft.ts'
import type { Invoice, Party } from '../invoice/invoice.ts'
import type { Chance, Rating } from '../ports.ts'
import { lockAccount } from './accounts.ts'
import { findTariff } from './catalogue.ts'
import { assignedOver } from './assigned.ts'
import { availabilityIn } from './availability.ts'
import { corrections } from './correct.ts'
import { openGrantBooks } from './grants.ts'
import type { GrantBooks } from './grants.ts'
import { accountsUnderContract, contractsIn } from './contracts.ts'
import { savepoint } from './database.ts'
import type { Sql } from './database.ts'
import { insertDraft, invoiceTouching } from './invoices.ts'

/** What drawing works with. */
export interface DrawContext {
  readonly sql: Sql
  readonly nowMs: number
  readonly rating: Rating
  readonly seller: Party
  readonly chance: Chance
}

/** For whom no invoice was drawn, and why. */
export interface Skipped {
  readonly account: string
  readonly code: FaultCode
  readonly message: string
}

/** Most accounts in one run: it is one transaction. */
const ACCOUNTS_MAX = 1000
const ID_RANDOM_BYTES = 10
const MINUTE_MS = 60_000

/**
 * Draws the drafts of one account. A draft over the very same period is drawn anew.
 * Faults: NOT_FOUND, PERIOD_OPEN, INVOICE_EMPTY, INVOICE_ISSUED, ALREADY_EXISTS, and what rating answers.
 */
export async function drawForAccount(
  context: DrawContext,
  id: string,
  periodOf: (account: Account) => Period,
): Promise<Invoice[]> {
  const { sql, nowMs, seller } = context
  const account = await lockAccount(sql, id)
  if (account === undefined) return throwFault('NOT_FOUND', `there is no account ${id}`)
  const period = periodOf(account)
  const contracts = await contractsIn(sql, id, period)
  const opensMs = period.to + graceMs(contracts)
  if (opensMs > nowMs)
    throwFault(
      'PERIOD_OPEN',
      `the period ends at ${formatInstant(period.to)}, its usage is frozen from ${formatInstant(opensMs)} on; draw it then`,
    )
  const existing = await invoiceTouching(sql, id, period)
  if (existing?.issue !== undefined) {
    throwFault('INVOICE_ISSUED', `invoice ${existing.issue.number} covers part of the period`)
  }
  const grants = openGrantBooks(sql, id)
  const rated = [
    ...(await rateAccount(context, account, period, { contracts, grants })),
    ...(await corrections(context, account, period, grants)),
  ]
  const head = { seller, buyer: { id, name: account.name }, period, timeZone: account.timeZone }
  const invoices: Invoice[] = []
  for (const draft of unwrap(draftInvoices(head, rated))) {
    const invoiceId = uuidV7(nowMs, context.chance.random(ID_RANDOM_BYTES))
    await insertDraft(sql, invoiceId, draft, nowMs)
    invoices.push({ ...draft, id: invoiceId, createdMs: nowMs, issue: undefined, release: undefined })
  }
  return invoices
}

/** Draws the drafts of every account under contract; what keeps one account from it keeps no other. */
export async function drawForAll(
  context: DrawContext,
  widest: Period,
  periodOf: (account: Account) => Period,
): Promise<{ readonly invoices: Invoice[]; readonly skipped: Skipped[] }> {
  const accounts = await accountsUnderContract(context.sql, widest, ACCOUNTS_MAX + 1)
  if (accounts.length > ACCOUNTS_MAX) {
    throwFault('OUT_OF_RANGE', `more than ${ACCOUNTS_MAX} accounts are under contract; draw them one by one`)
  }
  const invoices: Invoice[] = []
  const skipped: Skipped[] = []
  for (const account of accounts) {
    try {
      invoices.push(...(await savepoint(context.sql, () => drawForAccount(context, account, periodOf))))
    } catch (error) {
      skipped.push({ account, ...reasonOf(error) })
    }
  }
  return { invoices, skipped }
}

/** The longest grace of the contracts. */
function graceMs(contracts: readonly Contract[]): number {
  return Math.max(0, ...contracts.map(({ closing }) => closing.graceMinutes * MINUTE_MS))
}

/**
 * What an account's contracts come to in a period, with usage as it is known now. Faults: those of rating.
 */
export async function rateAccount(
  { sql, rating }: Pick<DrawContext, 'sql' | 'rating'>,
  { id: account, timeZone }: Account,
  period: Period,
  { contracts, grants }: { readonly contracts: readonly Contract[]; readonly grants: GrantBooks },
): Promise<Rated[]> {
  const rated: Rated[] = []
  for (const { contract, period: part } of cutByContract(period, contracts)) {
    const tariff = await findTariff(sql, { id: contract.tariff, version: contract.tariffVersion })
    if (tariff === undefined) throw new Error(`contract ${contract.id} names a tariff that is gone`)
    const assigned = await assignedOver(sql, rating, account, part)
    const measured = await rating.measure(tariff, { period, inForce: part, timeZone }, assigned)
    const availability = await availabilityIn(sql, account, part)
    const snapshot = { ...measured, availability, used: await grants.used(tariff.currency) }
    const { charges, unpriced } = await rating.rate(tariff, snapshot)
    grants.count(charges)
    rated.push({ tariff, statement: { snapshot, unpriced, corrects: undefined }, charges })
  }
  return rated
}

/** Faults of one account are its own; where a store or service is down, the whole run is. */
function reasonOf(error: unknown): { readonly code: FaultCode; readonly message: string } {
  if (!(error instanceof FaultError)) throw error
  const { code, message } = error.fault
  if (code === 'UNAVAILABLE' || code === 'STORE_UNAVAILABLE' || code === 'INTERNAL') throw error
  return { code, message }
}
