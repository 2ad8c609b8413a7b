import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { Rating, Stretch } from '../ports.ts'
import { assignedOver } from './assigned.ts'
import type { Sql } from './database.ts'
import { correctionsFor } from './usage-corrections.ts'

/** What an account used in a stretch as it is known now, with what persons decided about it. Faults: those of rating. */
export async function measureFor(
  { sql, rating }: { readonly sql: Sql; readonly rating: Rating },
  account: string,
  tariff: Tariff,
  stretch: Stretch,
): Promise<Snapshot> {
  const assigned = await assignedOver(sql, rating, account, stretch.inForce)
  const corrections = await correctionsFor(sql, account, stretch.inForce, assigned)
  return rating.measure(tariff, stretch, assigned, corrections)
}
