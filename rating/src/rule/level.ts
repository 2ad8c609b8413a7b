import type { Period } from '@vouch/proto/kernel/period.ts'
import { ZERO, add, multiply } from '@vouch/proto/kernel/rational.ts'
import type { UnitId } from '@vouch/proto/kernel/unit.ts'
import { prorate } from '../tariff/proration.ts'
import type { ProrationBasis } from '../tariff/proration.ts'
import type { LevelChange, Usage } from './types.ts'

/**
 * The average of a level over a period, of each resource and its dimensions: every change counts for the share of the
 * period from its instant on; what changed before the period counts whole, what changes after it not at all.
 */
export function averageLevels(
  changes: readonly LevelChange[],
  period: Period,
  unit: UnitId,
  how: { readonly basis: ProrationBasis; readonly zone: string },
): Usage[] {
  const named = Map.groupBy(changes, ({ meter, resource, dimensions }) =>
    JSON.stringify([meter, resource, Object.entries(dimensions).toSorted(([a], [b]) => (a < b ? -1 : 1))]),
  )
  return [...named.values()].map((own) => {
    const { meter, resource, dimensions } = own[0]!
    const quantity = own.reduce((sum, { atMs, change }) => {
      if (atMs >= period.to) return sum
      const part = { from: Math.max(atMs, period.from), to: period.to }
      return add(sum, multiply(change, prorate(part, period, how.basis, { zone: how.zone }).fraction))
    }, ZERO)
    return { meter, resource, dimensions, unit, period, quantity, chosenBy: undefined, items: [] }
  })
}
