import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { BilledLine } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { uuidV7 } from '@vouch/proto/kernel/id.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Account, Contract } from '../contract/contract.ts'
import { draftInvoices } from '../invoice/draft.ts'
import type { Rated } from '../invoice/draft.ts'
import type { Invoice, Party } from '../invoice/invoice.ts'
import { skippedOf } from '../invoice/skipped.ts'
import type { Skipped } from '../invoice/skipped.ts'
import type { Chance, Rating } from '../ports.ts'
import { lockAccount } from './accounts.ts'
import { rateAdvance } from './advance.ts'
import { availabilityIn } from './availability.ts'
import { corrections } from './correct.ts'
import { openBooks } from './books.ts'
import type { Books } from './books.ts'
import { accountsToDraw, contractsIn } from './contracts.ts'
import { divided } from './divide.ts'
import { savepoint } from './database.ts'
import type { Sql } from './database.ts'
import { measureFor } from './measured.ts'
import { lastCorrection } from './usage-corrections.ts'
import { deleteDraftsOver, insertDraft, issuedTouching } from './invoices.ts'
import { stretchesOf } from './stretches.ts'
import type { TariffStretch } from './stretches.ts'

/** What drawing works with. */
export interface DrawContext {
  readonly sql: Sql
  readonly nowMs: number
  readonly rating: Rating
  readonly seller: Party
  readonly chance: Chance
}

/** Drafts, and what could not be drawn. */
export interface Drawn {
  readonly invoices: readonly Invoice[]
  readonly skipped: readonly Skipped[]
}

/** A stretch of a period that gets a statement. */
interface RatedStretch extends Omit<TariffStretch, 'tariff'> {
  readonly period: Period
  /** What was billed of it in advance. */
  readonly billed: readonly BilledLine[]
}

/** Most accounts in one run: it is one transaction. */
const ACCOUNTS_MAX = 1000
const ID_RANDOM_BYTES = 10
const MINUTE_MS = 60_000

/**
 * Draws the drafts of one account, one for each currency that has no issued invoice over the very same period. Drafts
 * over that are drawn anew, whatever their currency.
 * Faults: NOT_FOUND, PERIOD_OPEN, INVOICE_EMPTY, INVOICE_ISSUED, ALREADY_EXISTS, and what rating answers.
 */
export async function drawForAccount(
  context: DrawContext,
  id: string,
  periodOf: (account: Account) => Period,
): Promise<Drawn> {
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
  const issued = await issuedTouching(sql, id, period)
  const partly = issued.find(({ period: { from, to } }) => from !== period.from || to !== period.to)
  if (partly !== undefined) throwFault('INVOICE_ISSUED', `invoice ${partly.number} covers part of the period`)
  const books = openBooks(sql, id)
  const seen = await lastCorrection(sql)
  // First, so that what is new in a window counts for the period as well.
  const { rated: late, skipped } = await corrections(context, account, period, books)
  const current = await rateAccount(context, account, period, books)
  const head = { seller, buyer: { id, name: account.name }, period, timeZone: account.timeZone }
  const invoices: Invoice[] = []
  const rated: Rated[] = []
  for (const each of [...current, ...late]) rated.push(await divided(context, id, each))
  const drafts = unwrap(draftInvoices(head, rated))
  const open = drafts.filter(({ currency }) => issued.every((invoice) => invoice.currency !== currency))
  const [first] = issued
  if (first !== undefined && open.length === 0)
    throwFault('INVOICE_ISSUED', `invoice ${first.number} covers the period`)
  await deleteDraftsOver(sql, id, period)
  for (const draft of open) {
    const invoiceId = uuidV7(nowMs, context.chance.random(ID_RANDOM_BYTES))
    await insertDraft(sql, invoiceId, draft, { nowMs, seen })
    invoices.push({ ...draft, id: invoiceId, createdMs: nowMs, issue: undefined, release: undefined })
  }
  return { invoices, skipped }
}

/**
 * Draws the drafts of every account under contract, and of those whose contract has ended but still takes late usage; what
 * keeps one account from it keeps no other.
 */
export async function drawForAll(
  context: DrawContext,
  widest: Period,
  periodOf: (account: Account) => Period,
): Promise<Drawn> {
  const accounts = await accountsToDraw(context.sql, widest, ACCOUNTS_MAX + 1)
  if (accounts.length > ACCOUNTS_MAX) {
    throwFault('OUT_OF_RANGE', `more than ${ACCOUNTS_MAX} accounts are under contract; draw them one by one`)
  }
  const invoices: Invoice[] = []
  const skipped: Skipped[] = []
  for (const { id, isUnderContract } of accounts) {
    try {
      const drawn = await savepoint(context.sql, () => drawForAccount(context, id, periodOf))
      invoices.push(...drawn.invoices)
      skipped.push(...drawn.skipped)
    } catch (error) {
      const reason = skippedOf(id, error)
      // Of a contract that has ended nothing more is expected.
      if (isUnderContract || reason.code !== 'INVOICE_EMPTY') skipped.push(reason)
    }
  }
  return { invoices, skipped }
}

/** The longest grace of the contracts. */
function graceMs(contracts: readonly Contract[]): number {
  return Math.max(0, ...contracts.map(({ closing }) => closing.graceMinutes * MINUTE_MS))
}

/**
 * What an account's contracts come to in a period, with usage as it is known now; and what is billed in advance with it. Faults: those of
 * rating.
 */
export async function rateAccount(
  context: Pick<DrawContext, 'sql' | 'rating'>,
  account: Account,
  period: Period,
  books: Books,
): Promise<Rated[]> {
  const rated: Rated[] = []
  for (const { tariff, ...place } of await stretchesOf(context.sql, account, period)) {
    const billed = await books.advances.take(tariff, place.inForce)
    rated.push(await rateStretch(context, account, tariff, { period, billed, ...place }, books))
  }
  return [...rated, ...(await rateAdvance(context, account, period, books))]
}

/** What an account's usage in a stretch of a period comes to under a tariff; what it uses and bills is counted. Faults: those of rating. */
export async function rateStretch(
  { sql, rating }: Pick<DrawContext, 'sql' | 'rating'>,
  { id: account, timeZone }: Account,
  tariff: Tariff,
  { period, inForce, agreed, billed }: RatedStretch,
  books: Books,
): Promise<Rated> {
  const measured = await measureFor({ sql, rating }, account, tariff, { period, inForce, timeZone })
  const availability = await availabilityIn(sql, account, inForce)
  const used = await books.grants.used(tariff.currency)
  const windows = await books.windows.of(tariff, { inForce, timeZone, agreed })
  const snapshot = { ...measured, availability, used, billed: [...billed], ...windows }
  const { charges, unpriced } = await rating.rate(tariff, snapshot)
  books.count(tariff, charges)
  return { tariff, statement: { snapshot, unpriced, corrects: undefined }, charges }
}
