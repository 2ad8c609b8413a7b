import type { BilledLine, Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { changesDraft } from '../contract/usage-correction.ts'
import { periodOf } from '../invoice/invoice.ts'
import type { Draft, Invoice, Statement, StatementRef } from '../invoice/invoice.ts'
import { billedAlike, usedAlike } from '../invoice/late.ts'
import { dependsOnOthers, windowsAlike } from '../invoice/windows.ts'
import { advanceStretches } from './advance.ts'
import { openBooks } from './books.ts'
import type { Books } from './books.ts'
import { tariffOf } from './catalogue.ts'
import { contractOf, windowsAt } from './correct.ts'
import { assignmentsIn } from './contracts.ts'
import type { Sql } from './database.ts'
import { billedLines } from './late.ts'
import type { IssuedStatement } from './late.ts'
import { findStatements } from './statements.ts'
import { enteredSince, holdCorrections } from './usage-corrections.ts'

/** What of a draft another invoice has billed or used up since it was drawn, in words; undefined where all is as it was. */
export async function staleness(sql: Sql, draft: Draft & Pick<Invoice, 'id'>): Promise<string | undefined> {
  const books = openBooks(sql, draft.buyer.id)
  // What is decided from here on corrects the invoice.
  await holdCorrections(sql)
  // In the order in which they were rated: corrections first.
  const isLater = ({ corrects, snapshot }: Statement): boolean => corrects === undefined || snapshot.advance
  const order = [...draft.statements.entries()].toSorted(
    ([, a], [, b]) => Number(isLater(a)) - Number(isLater(b)),
  )
  for (const [index, statement] of order) {
    const { snapshot, corrects, tariff: tariffId } = statement
    if (corrects !== undefined && !billedAlike(snapshot.billed, await billedBefore(sql, corrects)))
      return `${snapshot.corrects} was corrected since`
    if (await isCorrected(sql, draft, snapshot)) return 'usage that it bills was corrected since'
    if (corrects === undefined && !billedAlike(snapshot.billed, await takenBy(sql, books, statement)))
      return 'fees of it were billed in advance since'
    if (!snapshot.advance && !usedAlike(snapshot.used, await books.grants.used(draft.currency, corrects)))
      return 'grants that it uses were used since'
    if (await windowsDiffer(sql, books, draft.buyer.id, statement))
      return 'what counts for its windows, or the end of its contract, has changed since'
    const own = draft.lines.filter((line) => line.statement === index)
    books.count(
      { tariffId },
      own.map(({ charge }) => charge),
    )
  }
  return (await advancesDiffer(sql, books, draft)) ? 'what is billed in advance has changed since' : undefined
}

/** Whether somebody decided about usage of a stretch since a draft was drawn. */
async function isCorrected(
  sql: Sql,
  { id, buyer: { id: account } }: Draft & Pick<Invoice, 'id'>,
  snapshot: Snapshot,
): Promise<boolean> {
  if (snapshot.advance) return false
  const inForce = periodOf(snapshot.inForce)
  const entries = await enteredSince(sql, id, inForce)
  if (entries.length === 0) return false
  const assigned = await assignmentsIn(sql, account, inForce)
  const resources = new Set([...assigned, ...snapshot.measurements].map(({ resource }) => resource))
  return entries.some((entry) => changesDraft(entry, account, resources))
}

/** What is known now of fees of a statement that were billed in advance; of one in advance itself nothing was. */
async function takenBy(
  sql: Sql,
  { advances }: Books,
  { snapshot, tariff, tariffVersion }: Statement,
): Promise<readonly BilledLine[]> {
  if (snapshot.advance) return []
  return advances.take(await tariffOf(sql, { tariff, tariffVersion }), periodOf(snapshot.inForce))
}

async function billedBefore(sql: Sql, ref: StatementRef): Promise<BilledLine[]> {
  const [statement] = (await findStatements(sql, ref.invoice)).slice(ref.ordinal)
  return billedLines(sql, { ref, snapshot: statement!.snapshot })
}

/** Whether other stretches than those of a draft would be billed in advance with it now, or given back. */
async function advancesDiffer(sql: Sql, books: Books, draft: Draft): Promise<boolean> {
  const { buyer, timeZone, period, currency } = draft
  const due = await advanceStretches(sql, { ...buyer, timeZone }, period, books)
  const passed = await books.advances.passed(period)
  const now = [
    ...passed
      .filter((each) => each.currency === currency)
      .map(({ tariff, tariffVersion, inForce, by }) => [tariff, tariffVersion, inForce, by.number]),
    ...due
      .filter(({ tariff }) => tariff.currency === currency)
      .map(({ tariff, stretch }) => [tariff.tariffId, tariff.version, stretch.inForce, '']),
  ]
  const drawn = draft.statements
    .filter(({ snapshot }) => snapshot.advance)
    .map(({ tariff, tariffVersion, snapshot }) => {
      return [tariff, tariffVersion, periodOf(snapshot.inForce), snapshot.corrects]
    })
  return JSON.stringify(now) !== JSON.stringify(drawn)
}

/** Whether other documents of a statement's windows, or the end of its contract, have changed since it was drawn. */
async function windowsDiffer(
  sql: Sql,
  books: Books,
  account: string,
  statement: Pick<IssuedStatement, 'snapshot' | 'tariff' | 'tariffVersion'>,
): Promise<boolean> {
  if (statement.snapshot.advance) return false
  const tariff = await tariffOf(sql, statement)
  if (!dependsOnOthers(tariff)) return false
  const contract = await contractOf(sql, account, statement)
  if (contract === undefined) return true
  return !windowsAlike(await windowsAt(sql, books, tariff, statement, contract), statement.snapshot)
}
