import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { Account, Contract } from '../contract/contract.ts'
import type { Rated } from '../invoice/draft.ts'
import { periodOf } from '../invoice/invoice.ts'
import { correction, isWorthwhile, lateStanding, measuresAlike } from '../invoice/late.ts'
import type { Rating } from '../ports.ts'
import { skippedOf } from '../invoice/skipped.ts'
import { countsAlike, dependsOnOthers } from '../invoice/windows.ts'
import type { Windows } from '../invoice/windows.ts'
import type { Skipped } from '../invoice/skipped.ts'
import type { Books } from './books.ts'
import { tariffOf } from './catalogue.ts'
import { agreementOf, contractsIn, lateDaysMax } from './contracts.ts'
import type { Sql } from './database.ts'
import { billedLines, issuedStatements } from './late.ts'
import type { IssuedStatement } from './late.ts'
import { measureFor } from './measured.ts'

/** What corrections work with. */
interface CorrectContext {
  readonly sql: Sql
  readonly rating: Rating
}

const DAY_MS = 86_400_000

/** What an invoice says of earlier ones, and what it cannot say. */
export interface Corrections {
  readonly rated: readonly Rated[]
  /** Stretches that cannot be measured or rated again; they keep no invoice from being drawn. */
  readonly skipped: readonly Skipped[]
}

/**
 * What became known of earlier invoices of the account since they were drawn: each of their stretches measured and rated again under its own
 * tariff, less what was billed for it. Stretches in which nothing changed, or whose contract takes no late usage any more, are left out.
 */
export async function corrections(
  { sql, rating }: CorrectContext,
  account: Account,
  period: Period,
  books: Books,
): Promise<Corrections> {
  const days = await lateDaysMax(sql, account.id)
  const sinceMs = Math.max(0, period.from - days * DAY_MS)
  const found = await issuedStatements(sql, account.id, sinceMs, period.from)
  const rated: Rated[] = []
  const skipped: Skipped[] = []
  for (const statement of found) {
    const contract = await contractOf(sql, account.id, statement)
    if (contract === undefined) continue
    const isLateTaken = lateStanding(contract, statement.snapshot, period.from) === 'next-invoice'
    try {
      const corrected = await correct({ sql, rating }, account, statement, {
        contract,
        books,
        isLateTaken,
      })
      if (corrected !== undefined) rated.push(corrected)
    } catch (error) {
      const { account: id, code, message } = skippedOf(account.id, error)
      skipped.push({ account: id, code, message: `late usage of ${statement.number}: ${message}` })
    }
  }
  return { rated, skipped }
}

/** What a statement is corrected under. */
interface Correctable {
  readonly contract: Contract
  readonly books: Books
  /** Whether the contract takes late usage with the invoice. */
  readonly isLateTaken: boolean
}

/** A statement measured and rated again, less what was billed; undefined where that is nothing, or too little. */
async function correct(
  { sql, rating }: CorrectContext,
  account: Account,
  statement: IssuedStatement,
  { contract, books, isLateTaken }: Correctable,
): Promise<Rated | undefined> {
  const tariff = await tariffOf(sql, statement)
  // What is due of a window is no late usage: it comes of what other invoices billed, and of the contract's end.
  if (!isLateTaken && !dependsOnOthers(tariff)) return undefined
  const now = isLateTaken
    ? await measureAgain({ sql, rating }, account.id, statement, tariff)
    : statement.latest
  const windows = await windowsAt(sql, books, tariff, statement, contract)
  const isMeasuredAlike = measuresAlike(now, statement.latest)
  if (isMeasuredAlike && countsAlike(windows, statement.latest)) return undefined
  const used = await books.grants.used(tariff.currency, statement.ref)
  const { availability } = statement.snapshot
  const measured = { ...now, availability, used, ...windows }
  const snapshot = correction(measured, statement.number, await billedLines(sql, statement))
  const { charges, unpriced } = await rating.rate(tariff, snapshot)
  if (!isWorthwhile(charges, tariff, isMeasuredAlike ? '0' : contract.closing.lateMinimum)) return undefined
  books.count(tariff, charges)
  return { tariff, statement: { snapshot, unpriced, corrects: statement.ref }, charges }
}

/** What is measured now of a stretch that was billed. Fault: EVIDENCE_MISSING where its readings have expired. */
export async function measureAgain(
  { sql, rating }: CorrectContext,
  account: string,
  { snapshot }: IssuedStatement,
  tariff: Tariff,
): Promise<Snapshot> {
  const inForce = periodOf(snapshot.inForce)
  const stretch = { period: periodOf(snapshot.period), inForce, timeZone: snapshot.timeZone }
  return measureFor({ sql, rating }, account, tariff, stretch)
}

/** What is known now of the windows that a statement counts over. */
export async function windowsAt(
  sql: Sql,
  books: Books,
  tariff: Tariff,
  { snapshot }: Pick<IssuedStatement, 'snapshot'>,
  contract: Contract,
): Promise<Windows> {
  const { timeZone, inForce } = snapshot
  const agreed = await agreementOf(sql, contract)
  return books.windows.of(tariff, { inForce: periodOf(inForce), timeZone, agreed })
}

/** The contract that a statement was rated under; undefined where it is gone from that time. */
export async function contractOf(
  sql: Sql,
  account: string,
  { snapshot, tariff, tariffVersion }: Pick<IssuedStatement, 'snapshot' | 'tariff' | 'tariffVersion'>,
): Promise<Contract | undefined> {
  const contracts = await contractsIn(sql, account, periodOf(snapshot.inForce))
  return contracts.find((contract) => contract.tariff === tariff && contract.tariffVersion === tariffVersion)
}
