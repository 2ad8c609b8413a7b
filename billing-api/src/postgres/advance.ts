import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { nextPeriod } from '@vouch/proto/kernel/next-period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Account } from '../contract/contract.ts'
import { advanceSnapshot, billsInAdvance, returned } from '../invoice/advance.ts'
import type { Rated } from '../invoice/draft.ts'
import { billedLine } from '../invoice/late.ts'
import type { Rating, Stretch } from '../ports.ts'
import type { Books } from './books.ts'
import { tariffOf } from './catalogue.ts'
import { contractsIn } from './contracts.ts'
import type { Sql } from './database.ts'
import { stretchesOf } from './stretches.ts'

/** The number of an invoice that is only simulated. */
const SIMULATED = 'simulated'

/** A stretch that is billed in advance, and the tariff that does. */
export interface AdvanceStretch {
  readonly tariff: Tariff
  readonly stretch: Stretch
}

/**
 * The stretches after a period whose fees are billed with it, as contracts are now: of an account that is under contract in the period,
 * and that has no invoice over the time after it.
 */
export async function advanceStretches(
  sql: Sql,
  account: Account,
  period: Period,
  { advances }: Pick<Books, 'advances'>,
): Promise<AdvanceStretch[]> {
  const { id, timeZone } = account
  if ((await contractsIn(sql, id, period)).length === 0) return []
  const next = nextPeriod(period, timeZone)
  const found: AdvanceStretch[] = []
  for (const { tariff, inForce } of await stretchesOf(sql, account, next)) {
    if (!billsInAdvance(tariff) || (await advances.isInvoiced(next, tariff.currency))) continue
    found.push({ tariff, stretch: { period: next, inForce, timeZone } })
  }
  return found
}

/**
 * What an account is billed in advance with a period, after what it was billed in advance and has no contract for any more, which is
 * given back. Faults: those of rating.
 */
export async function rateAdvance(
  { sql, rating }: { readonly sql: Sql; readonly rating: Pick<Rating, 'rate'> },
  account: Account,
  period: Period,
  books: Books,
): Promise<Rated[]> {
  const rated: Rated[] = []
  for (const advanced of await books.advances.passed(period)) {
    const tariff = await tariffOf(sql, advanced)
    const snapshot = returned(advanced)
    const { charges, unpriced } = await rating.rate(tariff, snapshot)
    books.count(tariff, charges)
    rated.push({ tariff, statement: { snapshot, unpriced, corrects: advanced.by.ref }, charges })
  }
  for (const { tariff, stretch } of await advanceStretches(sql, account, period, books)) {
    const snapshot = advanceSnapshot(stretch)
    const { charges, unpriced } = await rating.rate(tariff, snapshot)
    books.count(tariff, charges)
    await books.advances.add({
      ...stretch,
      tariff: tariff.tariffId,
      tariffVersion: tariff.version,
      currency: tariff.currency,
      billed: charges.map(billedLine),
      by: { ref: undefined, number: SIMULATED },
    })
    rated.push({ tariff, statement: { snapshot, unpriced, corrects: undefined }, charges })
  }
  return rated
}
