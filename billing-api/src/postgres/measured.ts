import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { LONGEST_HOURS, LOOKBACK_MS } from '@vouch/proto/kernel/estimate.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Rating, Stretch } from '../ports.ts'
import { assignedOver } from './assigned.ts'
import type { Sql } from './database.ts'
import { correctionsFor } from './usage-corrections.ts'

const HOUR_MS = 3_600_000

/** What an account used in a stretch as it is known now, with what persons decided about it. Faults: those of rating. */
export async function measureFor(
  { sql, rating }: { readonly sql: Sql; readonly rating: Rating },
  account: string,
  tariff: Tariff,
  stretch: Stretch,
): Promise<Snapshot> {
  const assigned = await assignedOver(sql, rating, account, stretch.inForce)
  const corrections = await correctionsFor(sql, account, lookedAt(tariff, stretch.inForce), assigned)
  return rating.measure(tariff, stretch, assigned, corrections)
}

/** With estimates, hours before the stretch stand in for its gaps, but those for which something else was decided. */
function lookedAt({ rules }: Tariff, { from, to }: Period): Period {
  const hours = rules.map(({ estimate }) => longestHours(estimate))
  const longest = Math.max(-Infinity, ...hours)
  return longest > 0 ? { from: Math.max(0, from - longest * HOUR_MS - LOOKBACK_MS), to } : { from, to }
}

function longestHours(estimate: unknown): number {
  if (typeof estimate !== 'object' || estimate === null || !('method' in estimate)) return 0
  if (estimate.method === 'none') return 0
  return 'longestHours' in estimate && typeof estimate.longestHours === 'number'
    ? estimate.longestHours
    : LONGEST_HOURS
}
