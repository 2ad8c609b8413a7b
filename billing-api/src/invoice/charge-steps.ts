import type { Charge } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { allocate } from '@vouch/proto/kernel/allocation.ts'
import { cutBySteps } from '@vouch/proto/kernel/calendar-steps.ts'
import type { Step } from '@vouch/proto/kernel/calendar-steps.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatAmount, money, parseAmount } from '@vouch/proto/kernel/money.ts'
import { intersect } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { ONE, ZERO, rational } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { wholeWeights } from '../attribution/cost-centre.ts'
import { milliseconds } from '../attribution/stretches.ts'
import { weightsOf } from '../attribution/usage-weights.ts'
import type { Look, UsedPart } from '../attribution/usage-weights.ts'
import { divideQuantity } from './divide-quantity.ts'
import { periodOf } from './invoice.ts'

/** What of a charge falls to a step of the calendar. */
export interface ChargeStep {
  readonly period: Period
  /** Decimal text; empty where the charge has none. */
  readonly quantity: string
  readonly amount: string
}

/** Steps of the calendar of a zone. */
export interface Calendar {
  readonly step: Step
  /** IANA. */
  readonly timeZone: string
}

/**
 * A charge by steps of the calendar: what prices usage in the proportion of what was used in each step, all else by time. The amounts sum to
 * the charge's, to the minor unit, and so do the quantities. Steps to which nothing falls are left out.
 *
 * @param parts the usage that it prices; none where it prices none.
 */
export function chargeSteps(
  charge: Charge,
  parts: readonly UsedPart[],
  { step, timeZone }: Calendar,
  measured: (look: Look) => Rational,
): ChargeStep[] {
  const own = periodOf(charge.period)
  // One by one: a hundred thousand parts are no arguments of a call.
  const whole = parts.reduce<Period>(
    ({ from, to }, { period }) => ({ from: Math.min(from, period.from), to: Math.max(to, period.to) }),
    own,
  )
  const steps = cutBySteps(whole, step, timeZone)
  const weights = parts.length === 0 ? byTime(steps, own) : byUsage(steps, parts, measured)
  const { minor, currency } = unwrap(parseAmount(charge.amount, unwrap(parseCurrency(charge.currency))))
  const amounts = allocate(minor, wholeWeights(weights))
  const quantities = charge.quantity === '' ? [] : divideQuantity(charge.quantity, weights)
  return steps.flatMap((period, index) => {
    const amount = amounts[index]!
    const quantity = quantities[index] ?? ''
    if (amount === 0n && (quantity === '' || quantity === '0')) return []
    return [{ period, quantity, amount: formatAmount(money(amount, currency)) }]
  })
}

function byTime(steps: readonly Period[], own: Period): Rational[] {
  return steps.map((step) => {
    const common = intersect(step, own)
    return common === undefined ? ZERO : rational(milliseconds(common))
  })
}

/** As if each step bore what was used in it. */
function byUsage(
  steps: readonly Period[],
  parts: readonly UsedPart[],
  measured: (look: Look) => Rational,
): Rational[] {
  const weights = weightsOf(
    parts,
    (part) =>
      steps.flatMap((step) => {
        const period = intersect(step, part.period)
        return period === undefined ? [] : [{ period, shares: [{ costCentre: `${step.from}`, share: ONE }] }]
      }),
    measured,
  )
  return steps.map(({ from }) => weights.get(`${from}`) ?? ZERO)
}
