import type { Period } from '@vouch/proto/kernel/period.ts'
import { contains } from '@vouch/proto/kernel/period.ts'
import { type Result, collect, fail, ok } from '@vouch/proto/kernel/fault.ts'
import { CUTS_MAX, cutsOf } from '../rule/cuts.ts'
import { ESTIMATE_METHODS, type EstimateRule } from '../rule/estimate.ts'
import type { Rule } from '../rule/evaluate.ts'
import { type Correction, correctionCuts } from './corrections.ts'
import type { PricedTariff } from './tariff.ts'

/** How a meter is looked at. */
export interface MeterPlan {
  readonly meter: string
  /** Instants inside of the stretch at which a price of it may change, ascending. */
  readonly cuts: readonly number[]
  /** Length of the slots that are ranked, milliseconds; 0 = none are. */
  readonly slotMs: number
  /** How what nobody measured of it is estimated, each method once. */
  readonly estimates: readonly EstimateRule[]
}

/** Slots of percentiles: five minutes, as everybody who bills them has it. */
export const SLOT_MS = 300_000

/** How each meter that a tariff prices is to be measured, by name. Faults: those of windows, OUT_OF_RANGE. */
export function meterPlans({ rules, terms }: PricedTariff, stretch: Period): Result<MeterPlan[]> {
  const usage = rules.filter((rule) => rule.kind === 'usage')
  const ranked = rules.filter((rule) => rule.kind === 'percentile')
  const meters = new Set([...usage, ...ranked].flatMap(({ select }) => select.meters))
  return collect(
    [...meters].toSorted().map((meter): Result<MeterPlan> => {
      const own = usage.filter((rule) => sells(rule, meter))
      const cut = collect(own.map((rule) => cutsOf(rule, stretch, terms.zone)))
      if (!cut.ok) return cut
      const inside = new Set(cut.value.flat().filter((ms) => ms !== stretch.from && contains(stretch, ms)))
      if (inside.size > CUTS_MAX)
        return fail(
          'OUT_OF_RANGE',
          `${meter} is cut ${inside.size} times, at most ${CUTS_MAX}: rate a shorter period`,
        )
      const slotMs = ranked.some((rule) => sells(rule, meter)) ? SLOT_MS : 0
      const estimates = estimatesBy(own.flatMap(({ estimate }) => estimate ?? []))
      return ok({ meter, cuts: [...inside].toSorted((a, b) => a - b), slotMs, estimates })
    }),
  )
}

/** Each method with the longest gap that any rule estimates. */
function estimatesBy(rules: readonly EstimateRule[]): EstimateRule[] {
  return ESTIMATE_METHODS.flatMap((method) => {
    const longest = rules.filter((rule) => rule.method === method).map(({ longestMs }) => longestMs)
    return longest.length === 0 ? [] : [{ method, longestMs: Math.max(...longest) }]
  })
}

/** Where a measurement is cut: where a price may change, and where a correction begins or ends. */
export function cutsWithin(
  period: Period,
  { cuts }: Pick<MeterPlan, 'cuts'>,
  corrections: readonly Correction[],
): number[] {
  const inside = cuts.filter((ms) => ms !== period.from && contains(period, ms))
  return [...new Set([...inside, ...correctionCuts(corrections, period)])].toSorted((a, b) => a - b)
}

function sells(rule: Extract<Rule, { kind: 'usage' | 'percentile' }>, meter: string): boolean {
  return rule.select.meters.includes(meter)
}
