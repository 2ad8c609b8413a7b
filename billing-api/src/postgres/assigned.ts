import { formatExact } from '@vouch/proto/kernel/decimal.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { assignedIn } from '../contract/contract.ts'
import type { AssignedResource, Rating } from '../ports.ts'
import { attributedAssignments } from './attributed.ts'
import { assignmentsIn } from './contracts.ts'
import type { Sql } from './database.ts'
import { correctionsIn } from './usage-corrections.ts'
import { transferredTo } from '../contract/usage-correction.ts'
import { ruleSetsIn } from './rule-sets.ts'

/**
 * What an account pays for in a period: what is assigned or transferred to it, and what the rules give it of the rest. Faults: OUT_OF_RANGE, and what
 * rating answers where there are rules.
 */
export async function assignedOver(
  sql: Sql,
  rating: Pick<Rating, 'resources'>,
  account: string,
  period: Period,
): Promise<AssignedResource[]> {
  const assigned = [
    ...assignedIn(period, await assignmentsIn(sql, account, period)),
    ...transferredTo(account, period, await correctionsIn(sql, period)),
  ]
  if ((await ruleSetsIn(sql, period)).length === 0) return assigned
  const given = await attributedAssignments(sql, rating, account, period)
  return [
    ...assigned,
    ...given.map(({ resource, period: stretch, share, below }) => ({
      resource,
      period: stretch,
      dimensions: {},
      share: shareText(share),
      itself: !below,
    })),
  ]
}

/** Shares are sums of percentages, so that a decimal is exactly each of them. */
function shareText(share: Rational): string {
  const text = formatExact(share)
  if (text === undefined) throw new RangeError('the share is no decimal')
  return text
}
