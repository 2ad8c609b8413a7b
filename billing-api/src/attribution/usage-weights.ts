import type { Period } from '@vouch/proto/kernel/period.ts'
import { ZERO, add, divide, isZero, multiply, rational, sign } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import type { Borne } from './borne.ts'
import { milliseconds } from './stretches.ts'

/** What a metered resource used in a stretch that a line prices. */
export interface UsedPart {
  readonly resource: string
  readonly meter: string
  readonly period: Period
  /** Not below zero, in the line's unit. */
  readonly quantity: Rational
  /** Even over the stretch, whatever was measured in it. */
  readonly even: boolean
}

/** In which proportion cost centres bear something; undefined = the account as such. */
export type Weights = ReadonlyMap<string | undefined, Rational>

/** A part of a period in which a resource has to be measured by itself, because another cost centre takes over. */
export interface Look {
  readonly resource: string
  readonly meter: string
  readonly period: Period
}

/** How a part is borne. */
export type BorneOf = (part: UsedPart) => readonly Borne[]

/** What has to be measured so that weights are exact: nothing where each part is borne alike all the time. */
export function looksOf(parts: readonly UsedPart[], borneOf: BorneOf): Look[] {
  return parts.flatMap((part) => {
    const stretches = borneOf(part)
    if (stretches.length === 1 || part.even) return []
    return stretches.map(({ period }) => ({ resource: part.resource, meter: part.meter, period }))
  })
}

/**
 * In which proportion cost centres bear the usage of a line. A part that several bear one after the other is split by what was `measured` in the stretch
 * of each; by time where that was nothing, or it is even. Where nothing at all was used, the time counts for which each of them bears the resources.
 */
export function weightsOf(
  parts: readonly UsedPart[],
  borneOf: BorneOf,
  measured: (look: Look) => Rational,
): Weights {
  const byUsage = new Map<string | undefined, Rational>()
  const byTime = new Map<string | undefined, Rational>()
  for (const part of parts) {
    const stretches = borneOf(part)
    const times = stretches.map(({ period }) => rational(milliseconds(period)))
    const used =
      stretches.length === 1 || part.even ? [] : stretches.map(({ period }) => measured({ ...part, period }))
    const proportions = used.every(isZero) ? times : used
    const whole = proportions.reduce(add, ZERO)
    for (const [index, { shares }] of stretches.entries())
      for (const { costCentre, share } of shares) {
        const quantity = divide(multiply(part.quantity, proportions[index]!), whole)
        give(byUsage, costCentre, multiply(quantity, share))
        give(byTime, costCentre, multiply(times[index]!, share))
      }
  }
  return [...byUsage.values()].some((weight) => sign(weight) > 0) ? byUsage : byTime
}

function give(weights: Map<string | undefined, Rational>, to: string | undefined, weight: Rational): void {
  weights.set(to, add(weights.get(to) ?? ZERO, weight))
}
