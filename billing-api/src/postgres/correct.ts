import { FaultError } from '@vouch/proto/kernel/fault.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { Account, Contract } from '../contract/contract.ts'
import type { Rated } from '../invoice/draft.ts'
import type { Draft } from '../invoice/invoice.ts'
import { billedAlike, correction, isWorthwhile, measuresAlike, usedAlike } from '../invoice/late.ts'
import type { Rating } from '../ports.ts'
import { assignedOver } from './assigned.ts'
import { findTariff } from './catalogue.ts'
import { contractsIn } from './contracts.ts'
import type { Sql } from './database.ts'
import { openGrantBooks } from './grants.ts'
import type { GrantBooks } from './grants.ts'
import { billedLines, issuedStatements } from './late.ts'
import type { IssuedStatement } from './late.ts'

/** What corrections work with. */
interface CorrectContext {
  readonly sql: Sql
  readonly rating: Rating
}

const DAY_MS = 86_400_000
/** The longest that a contract can take late usage. */
const LATE_DAYS_MAX = 3660

/**
 * What became known of earlier invoices of the account since they were drawn: each of their stretches measured and rated again under its own
 * tariff, less what was billed for it. Stretches in which nothing changed, or whose contract takes no late usage any more, are left out.
 */
export async function corrections(
  { sql, rating }: CorrectContext,
  account: Account,
  period: Period,
  grants: GrantBooks,
): Promise<Rated[]> {
  const found = await issuedStatements(sql, account.id, period.from - LATE_DAYS_MAX * DAY_MS, period.from)
  const rated: Rated[] = []
  for (const statement of found) {
    const contract = await contractOf(sql, account.id, statement)
    if (contract === undefined || !takesLate(contract, statement.snapshot, period)) continue
    const tariff = await tariffOf(sql, statement)
    const now = await measureAgain({ sql, rating }, account.id, statement, tariff)
    if (now === undefined || measuresAlike(now, statement.latest)) continue
    const used = await grants.used(tariff.currency, statement.ref)
    const { availability } = statement.snapshot
    const measured = { ...now, availability, used }
    const snapshot = correction(measured, statement.number, await billedLines(sql, statement.ref))
    const { charges, unpriced } = await rating.rate(tariff, snapshot)
    if (!isWorthwhile(charges, tariff, contract.closing.lateMinimum)) continue
    grants.count(charges)
    rated.push({ tariff, statement: { snapshot, unpriced, corrects: statement.ref }, charges })
  }
  return rated
}

/** What of a draft another invoice has billed or used up since it was drawn, in words; undefined where all is as it was. */
export async function staleness(sql: Sql, draft: Draft): Promise<string | undefined> {
  const grants = openGrantBooks(sql, draft.buyer.id)
  for (const [index, { snapshot, corrects }] of draft.statements.entries()) {
    if (corrects !== undefined && !billedAlike(snapshot.billed, await billedLines(sql, corrects)))
      return `${snapshot.corrects} was corrected since`
    if (!usedAlike(snapshot.used, await grants.used(draft.currency, corrects)))
      return 'grants that it uses were used since'
    grants.count(draft.lines.filter(({ statement }) => statement === index).map(({ charge }) => charge))
  }
  return undefined
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

/** What is measured now of a stretch that was billed; undefined where its readings have expired. */
export async function measureAgain(
  { sql, rating }: CorrectContext,
  account: string,
  { snapshot }: IssuedStatement,
  tariff: Tariff,
): Promise<Snapshot | undefined> {
  const inForce = periodOf(snapshot.inForce)
  const stretch = { period: periodOf(snapshot.period), inForce, timeZone: snapshot.timeZone }
  const assigned = await assignedOver(sql, rating, account, inForce)
  try {
    return await rating.measure(tariff, stretch, assigned)
  } catch (error) {
    if (error instanceof FaultError && error.fault.code === 'EVIDENCE_MISSING') return undefined
    throw error
  }
}

async function contractOf(
  sql: Sql,
  account: string,
  { snapshot, tariff, tariffVersion }: IssuedStatement,
): Promise<Contract | undefined> {
  const contracts = await contractsIn(sql, account, periodOf(snapshot.inForce))
  return contracts.find((contract) => contract.tariff === tariff && contract.tariffVersion === tariffVersion)
}

function takesLate({ closing }: Contract, snapshot: Snapshot, period: Period): boolean {
  const { lateUsage, lateDays } = closing
  return lateUsage === 'next-invoice' && period.to <= periodOf(snapshot.period).to + lateDays * DAY_MS
}

function periodOf(message: { readonly fromMs: bigint; readonly toMs: bigint } | undefined): Period {
  return { from: Number(message?.fromMs ?? 0n), to: Number(message?.toMs ?? 0n) }
}
