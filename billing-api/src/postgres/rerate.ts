import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { BilledLine, Charge, Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { correction } from '../invoice/late.ts'
import type { Rating } from '../ports.ts'
import { openBooks } from './books.ts'
import { contractOf, measureAgain, windowsAt } from './correct.ts'
import type { Sql } from './database.ts'
import { billedLines } from './late.ts'
import type { IssuedStatement } from './late.ts'

/** What rating again works with. */
interface RerateContext {
  readonly sql: Sql
  readonly rating: Rating
}

/** A statement rated again, less what was billed of it and its corrections. */
export interface Rerated {
  readonly tariff: Tariff
  readonly snapshot: Snapshot
  readonly billed: readonly BilledLine[]
  readonly charges: readonly Charge[]
}

/**
 * What a statement and its corrections are short of, or over, under a tariff: by usage as it is known now, or as it was frozen. Faults: EVIDENCE_MISSING
 * where readings have expired, those of rating.
 */
export async function rerated(
  { sql, rating }: RerateContext,
  account: string,
  statement: IssuedStatement,
  { tariff, isFrozen }: { readonly tariff: Tariff; readonly isFrozen: boolean },
): Promise<Rerated> {
  const billed = await billedLines(sql, statement)
  const measured = isFrozen
    ? statement.latest
    : {
        ...(await measureAgain({ sql, rating }, account, statement, tariff)),
        ...(await knownNow(sql, account, statement, tariff)),
      }
  const snapshot = correction(
    { ...measured, availability: statement.snapshot.availability },
    statement.number,
    billed,
  )
  const { charges } = await rating.rate(tariff, snapshot)
  return { tariff, snapshot, billed, charges }
}

/** What other documents used of grants and billed in windows, as it is known now. */
async function knownNow(
  sql: Sql,
  account: string,
  statement: IssuedStatement,
  tariff: Tariff,
): Promise<Pick<Snapshot, 'used' | 'windowBilled' | 'contract'>> {
  const books = openBooks(sql, account)
  const used = await books.grants.used(tariff.currency, statement.ref)
  const contract = await contractOf(sql, account, statement)
  if (contract === undefined) return { used, windowBilled: [] }
  return { used, ...(await windowsAt(sql, books, tariff, statement, contract)) }
}
