import type { LineUsage } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type { UsedPart } from '../attribution/usage-weights.ts'
import { exactOf } from './exact.ts'
import { periodOf } from './invoice.ts'

/** The usage that a line prices, from rating's message. */
export function usedParts(parts: LineUsage['parts']): UsedPart[] {
  return parts.map(({ resource, meter, period, quantity, even }) => {
    return { resource, meter, period: periodOf(period), quantity: exactOf(quantity), even }
  })
}
