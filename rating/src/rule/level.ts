import type { Period } from '@vouch/proto/kernel/period.ts'
import { ZERO, add, multiply } from '@vouch/proto/kernel/rational.ts'
import type { UnitId } from '@vouch/proto/kernel/unit.ts'
import { prorate } from '../tariff/proration.ts'
import type { ProrationBasis } from '../tariff/proration.ts'
import type { LevelChange, Usage } from './types.ts'

/**
 * What a part of a period adds to the average of a level over the period, of each resource and its dimensions: every
 * change counts for the share of the period from its instant to the end of the part.
 */
export function averageLevels(
  changes: readonly LevelChange[],
  part: Period,
  period: Period,
  unit: UnitId,
  how: { readonly basis: ProrationBasis; readonly zone: string },
): Usage[] {
  const named = Map.groupBy(changes, ({ meter, resource, dimensions }) =>
    JSON.stringify([meter, resource, Object.entries(dimensions).toSorted(([a], [b]) => (a < b ? -1 : 1))]),
  )
  return [...named.values()].map((own, index) => {
    const { meter, resource, dimensions } = own[0]!
    const quantity = own.reduce((sum, { atMs, change }) => {
      const rest = { from: Math.max(atMs, part.from), to: part.to }
      return add(sum, multiply(change, prorate(rest, period, how.basis, { zone: how.zone }).fraction))
    }, ZERO)
    return {
      index,
      meter,
      resource,
      dimensions,
      unit,
      period: part,
      quantity,
      chosenBy: undefined,
      items: [],
    }
  })
}
