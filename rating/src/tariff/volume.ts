import { add, multiply } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import type { ModelAmount } from './per-unit.ts'
import { tierName, tierOf } from './tiers.ts'
import type { Tier, TierEdge } from './tiers.ts'
import { exactText } from './trace.ts'

/**
 * The volume model: the whole quantity at the price of the one tier that it reaches, and that tier's flat amount.
 *
 * @param chosenBy the quantity that chooses the tier, where it is not the one that is priced: of seats of a part of a
 *   period, the seats of the whole.
 */
export function volume(
  tiers: readonly Tier[],
  quantity: Rational,
  edge: TierEdge,
  chosenBy: Rational | undefined,
): ModelAmount {
  const { tier, index } = tierOf(tiers, chosenBy ?? quantity, edge)
  const amount = add(multiply(quantity, tier.unitPrice), tier.flat)
  const name = tierName(tiers, index, exactText)
  return {
    amount,
    trace: [
      {
        rule: `volume tier ${edge}${chosenBy === undefined ? '' : ', chosen by another quantity'}`,
        input: exactText(chosenBy ?? quantity),
        output: name,
      },
      {
        rule: `volume tier ${name}`,
        input: `${exactText(quantity)} × ${exactText(tier.unitPrice)} + ${exactText(tier.flat)}`,
        output: exactText(amount),
      },
    ],
  }
}
