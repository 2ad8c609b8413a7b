import { ZERO, add, multiply, rational } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import type { ModelAmount } from './per-unit.ts'
import { tierName, tierParts } from './tiers.ts'
import type { Tier, TierEdge } from './tiers.ts'
import { exactText } from './trace.ts'
import type { TraceStep } from './trace.ts'

const HUNDRED = rational(100n)

/**
 * The graduated model: each part of the quantity at the price of the tier that it lies in, and the flat amount of
 * every tier that is entered; of a tier by per cent, that share of the part.
 */
export function graduated(tiers: readonly Tier[], quantity: Rational, edge: TierEdge): ModelAmount {
  let amount = ZERO
  const trace: TraceStep[] = []
  for (const { tier, index, quantity: part } of tierParts(tiers, quantity, edge)) {
    const price = add(tier.unitPrice, multiply(tier.percent, rational(1n, HUNDRED.n)))
    const own = add(multiply(part, price), tier.flat)
    amount = add(amount, own)
    trace.push({
      rule: `graduated tier ${tierName(tiers, index, exactText)} ${edge}`,
      input: `${exactText(part)} × ${exactText(price)} + ${exactText(tier.flat)}`,
      output: exactText(own),
    })
  }
  return { amount, trace }
}
