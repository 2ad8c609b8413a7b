import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { Account, Contract } from '../contract/contract.ts'
import { changesDraft } from '../contract/usage-correction.ts'
import type { Rated } from '../invoice/draft.ts'
import { periodOf } from '../invoice/invoice.ts'
import type { Draft, Invoice } from '../invoice/invoice.ts'
import { billedAlike, correction, isWorthwhile, measuresAlike, usedAlike } from '../invoice/late.ts'
import type { Rating } from '../ports.ts'
import { skippedOf } from '../invoice/skipped.ts'
import type { Skipped } from '../invoice/skipped.ts'
import { findTariff } from './catalogue.ts'
import { assignmentsIn, contractsIn, lateDaysMax } from './contracts.ts'
import type { Sql } from './database.ts'
import { openGrantBooks } from './grants.ts'
import type { GrantBooks } from './grants.ts'
import { billedLines, issuedStatements } from './late.ts'
import type { IssuedStatement } from './late.ts'
import { measureFor } from './measured.ts'
import { enteredSince } from './usage-corrections.ts'

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
  grants: GrantBooks,
): Promise<Corrections> {
  const days = await lateDaysMax(sql, account.id)
  const sinceMs = Math.max(0, period.from - days * DAY_MS)
  const found = await issuedStatements(sql, account.id, sinceMs, period.from)
  const rated: Rated[] = []
  const skipped: Skipped[] = []
  for (const statement of found) {
    const contract = await contractOf(sql, account.id, statement)
    if (contract === undefined || !takesLate(contract, statement.snapshot, period)) continue
    try {
      const corrected = await correct({ sql, rating }, account, statement, { contract, grants })
      if (corrected !== undefined) rated.push(corrected)
    } catch (error) {
      const { account: id, code, message } = skippedOf(account.id, error)
      skipped.push({ account: id, code, message: `late usage of ${statement.number}: ${message}` })
    }
  }
  return { rated, skipped }
}

/** A statement measured and rated again, less what was billed; undefined where that is nothing, or too little. */
async function correct(
  { sql, rating }: CorrectContext,
  account: Account,
  statement: IssuedStatement,
  { contract, grants }: { readonly contract: Contract; readonly grants: GrantBooks },
): Promise<Rated | undefined> {
  const tariff = await tariffOf(sql, statement)
  const now = await measureAgain({ sql, rating }, account.id, statement, tariff)
  if (measuresAlike(now, statement.latest)) return undefined
  const used = await grants.used(tariff.currency, statement.ref)
  const { availability } = statement.snapshot
  const measured = { ...now, availability, used }
  const snapshot = correction(measured, statement.number, await billedLines(sql, statement.ref))
  const { charges, unpriced } = await rating.rate(tariff, snapshot)
  if (!isWorthwhile(charges, tariff, contract.closing.lateMinimum)) return undefined
  grants.count(charges)
  return { tariff, statement: { snapshot, unpriced, corrects: statement.ref }, charges }
}

/** What of a draft another invoice has billed or used up since it was drawn, in words; undefined where all is as it was. */
export async function staleness(
  sql: Sql,
  draft: Draft & Pick<Invoice, 'createdMs'>,
): Promise<string | undefined> {
  const grants = openGrantBooks(sql, draft.buyer.id)
  for (const [index, { snapshot, corrects }] of draft.statements.entries()) {
    if (corrects !== undefined && !billedAlike(snapshot.billed, await billedLines(sql, corrects)))
      return `${snapshot.corrects} was corrected since`
    if (await isCorrected(sql, draft, snapshot)) return 'usage that it bills was corrected since'
    if (!usedAlike(snapshot.used, await grants.used(draft.currency, corrects)))
      return 'grants that it uses were used since'
    grants.count(draft.lines.filter(({ statement }) => statement === index).map(({ charge }) => charge))
  }
  return undefined
}

/** Whether somebody decided about usage of a stretch since a draft was drawn. */
async function isCorrected(
  sql: Sql,
  { buyer: { id: account }, createdMs }: Draft & Pick<Invoice, 'createdMs'>,
  snapshot: Snapshot,
): Promise<boolean> {
  const inForce = periodOf(snapshot.inForce)
  const entries = await enteredSince(sql, createdMs, inForce)
  if (entries.length === 0) return false
  const assigned = await assignmentsIn(sql, account, inForce)
  const resources = new Set([...assigned, ...snapshot.measurements].map(({ resource }) => resource))
  return entries.some((entry) => changesDraft(entry, account, resources))
}

/** The tariff that a statement was rated under. */
export async function tariffOf(
  sql: Sql,
  { tariff: id, tariffVersion: version }: Pick<IssuedStatement, 'tariff' | 'tariffVersion'>,
): Promise<Tariff> {
  const tariff = await findTariff(sql, { id, version })
  if (tariff === undefined) throw new Error(`version ${version} of tariff ${id} is gone`)
  return tariff
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

async function contractOf(
  sql: Sql,
  account: string,
  { snapshot, tariff, tariffVersion }: IssuedStatement,
): Promise<Contract | undefined> {
  const contracts = await contractsIn(sql, account, periodOf(snapshot.inForce))
  return contracts.find((contract) => contract.tariff === tariff && contract.tariffVersion === tariffVersion)
}

/** An invoice whose period begins so many days after the other one's; the very next always does. */
function takesLate({ closing }: Contract, snapshot: Snapshot, period: Period): boolean {
  const { lateUsage, lateDays } = closing
  return lateUsage === 'next-invoice' && period.from <= periodOf(snapshot.period).to + lateDays * DAY_MS
}
