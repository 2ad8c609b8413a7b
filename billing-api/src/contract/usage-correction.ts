import type { UsageCorrection } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { isRelated, isSameOrDescendant } from '@vouch/proto/kernel/id.ts'
import { intersect, overlaps } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { AssignedResource } from '../ports.ts'

/** What an entry is about. */
type Place = Pick<UsageCorrection, 'resource' | 'meter' | 'period'>

/** Whether two entries are about the same usage at one time; only one of them can hold. */
export function meets(one: Place, other: Place): boolean {
  const isOneMeter = one.meter === '' || other.meter === '' || one.meter === other.meter
  return isOneMeter && isRelated(one.resource, other.resource) && overlaps(periodOf(one), periodOf(other))
}

/**
 * Whether an entry says something of what an account pays for. A transfer takes from one account; the other one has the resource assigned
 * instead, see {@link transferredTo}.
 */
export function concernsAccount(
  entry: UsageCorrection,
  account: string,
  assigned: readonly AssignedResource[],
): boolean {
  if (entry.kind === 'transfer' && entry.fromAccount !== account) return false
  const { to } = periodOf(entry)
  // Of earlier ones hours might stand in for a gap.
  return assigned.some(
    ({ resource, period, itself = false }) =>
      (overlaps(period, periodOf(entry)) || to <= period.from) &&
      (itself ? isSameOrDescendant(resource, entry.resource) : isRelated(resource, entry.resource)),
  )
}

/** What transfers put on the bill of an account in a period. */
export function transferredTo(
  account: string,
  period: Period,
  entries: readonly UsageCorrection[],
): AssignedResource[] {
  return entries.flatMap((entry) => {
    const part = intersect(periodOf(entry), period)
    if (entry.kind !== 'transfer' || entry.toAccount !== account || part === undefined) return []
    return [{ resource: entry.resource, dimensions: {}, period: part }]
  })
}

/** Whether an entry changes what a draft was drawn from: its account, or a resource that it measured or could have. */
export function changesDraft(entry: UsageCorrection, account: string, resources: Iterable<string>): boolean {
  if (entry.fromAccount === account || entry.toAccount === account) return true
  return [...resources].some((resource) => isRelated(resource, entry.resource))
}

function periodOf({ period }: Place): Period {
  return { from: Number(period!.fromMs), to: Number(period!.toMs) }
}
