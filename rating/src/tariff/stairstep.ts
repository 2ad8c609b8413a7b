import type { Rational } from '@vouch/proto/kernel/rational.ts'
import type { ModelAmount } from './per-unit.ts'
import { tierName, tierOf } from './tiers.ts'
import type { Tier, TierEdge } from './tiers.ts'
import { exactText } from './trace.ts'

/** The stairstep model: the flat amount of the one tier that the quantity reaches, whatever the quantity in it. */
export function stairstep(tiers: readonly Tier[], quantity: Rational, edge: TierEdge): ModelAmount {
  const { tier, index } = tierOf(tiers, quantity, edge)
  return {
    amount: tier.flat,
    trace: [
      {
        rule: `stairstep ${tierName(tiers, index, exactText)} ${edge}`,
        input: exactText(quantity),
        output: exactText(tier.flat),
      },
    ],
  }
}
