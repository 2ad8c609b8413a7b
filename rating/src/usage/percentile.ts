import { type Result, collect, fail, ok } from '@vouch/proto/kernel/fault.ts'
import { type Rational, compare } from '@vouch/proto/kernel/rational.ts'
import { ceiling, floor } from '@vouch/proto/kernel/rounding.ts'
import { type TraceStep, exactText } from '../tariff/trace.ts'
import { type SlotValues, sumSlots } from './slot-values.ts'

/** One series: a port in one direction, or a gauge. All series of one line have the same slots, in any unit that they share. */
export interface SlotSeries extends SlotValues {
  readonly resource: string
  readonly direction: 'in' | 'out' | 'level'
}

/** The directions that each policy ranks or combines. */
const DIRECTIONS = {
  /** In and out are ranked separately, and the higher is billed. */
  higher: ['in', 'out'],
  /** The larger of in and out is taken slot by slot, then ranked. */
  'larger-per-slot': ['in', 'out'],
  /** In and out are added slot by slot, then ranked. */
  sum: ['in', 'out'],
  /** Traffic in alone. */
  in: ['in'],
  /** Traffic out alone. */
  out: ['out'],
  /** Gauges, which have no direction. */
  level: ['level'],
} as const satisfies Record<string, readonly SlotSeries['direction'][]>

/** What becomes of the two directions of traffic. */
export type DirectionPolicy = keyof typeof DIRECTIONS

/** Their names. */
export const DIRECTION_POLICIES = Object.keys(DIRECTIONS) as DirectionPolicy[]

/** The directions of which a policy needs series; without one of them nothing is ranked. */
export function rankedDirections(policy: DirectionPolicy): readonly SlotSeries['direction'][] {
  return DIRECTIONS[policy]
}

/** A slot that a port misses is left out of the ranking and its count, the port counts as 0 in it, or it is a fault. */
export const MISSING_SLOT_POLICIES = ['excluded', 'zero', 'refused'] as const

/** One of them. */
export type MissingSlotPolicy = (typeof MISSING_SLOT_POLICIES)[number]

/** How a contract turns slots into one billable value. */
export interface PercentileRule {
  /** Above 0, at most 100; 100 bills the largest value, the peak. */
  readonly percent: Rational
  readonly directions: DirectionPolicy
  readonly missing: MissingSlotPolicy
}

/** The billable value, which is always one that was measured (or a sum of such), never an interpolation. */
export interface PercentileResult {
  readonly value: Rational
  /** What was billed; "combined" where in and out were joined slot by slot. */
  readonly direction: SlotSeries['direction'] | 'combined'
  /** The value's place in ascending order, from 1 to `counted`. */
  readonly rank: bigint
  /** Slots ranked. */
  readonly counted: bigint
  /** Slots of the period, with the missing ones. */
  readonly expected: bigint
  readonly trace: readonly TraceStep[]
}

/** One value for each slot that is to be ranked. */
interface Candidate {
  readonly direction: PercentileResult['direction']
  readonly slots: readonly (Rational | undefined)[]
}

/**
 * Rank counted from 1 in ascending order: ceil(percent/100 · count), which is count − floor((1 −
 * percent/100) · count): the top share is dropped in whole slots, and the next value is billed.
 */
export function rankOf(percent: Rational, count: bigint): bigint {
  return ceiling(percent.n * count, percent.d * 100n)
}

/**
 * The billable percentile. Ports are added slot by slot before anything is ranked, so a slot is
 * missing where one of them is. "in" and "out" leave the other direction aside. In a tie of "higher"
 * it is "in" that is billed. Faults: TARIFF_INVALID: the percent is out of range, series differ in
 * length, or a direction is none of the policy's; USAGE_INCOMPLETE: a direction has no slots or none
 * left, or slots are missing and the policy is "refused".
 */
export function billablePercentile(
  given: readonly SlotSeries[],
  rule: PercentileRule,
): Result<PercentileResult> {
  const { percent, directions } = rule
  if (percent.n <= 0n || percent.n > 100n * percent.d) {
    return fail('TARIFF_INVALID', `the percentile must be above 0 and at most 100, not ${exactText(percent)}`)
  }
  const checked = checkSeries(given, directions)
  if (!checked.ok) return checked
  const series = rule.missing === 'zero' ? given.map((each) => withZeros(each)) : given
  const ranked = collect(candidatesOf(series, directions).map((candidate) => rank(candidate, rule)))
  if (!ranked.ok) return ranked
  const [first, second] = ranked.value
  const filled = missingSteps(given, rule)
  if (second === undefined)
    return ok({ ...first!, trace: [...filled, ...joinSteps(first!, rule), ...first!.trace] })
  const billed = compare(first!.value, second.value) >= 0 ? first! : second
  const input = ranked.value.map(({ direction, value }) => `${direction} ${exactText(value)}`).join(', ')
  const choice = { rule: `directions ${directions}`, input, output: billed.direction }
  return ok({ ...billed, trace: [...filled, ...ranked.value.flatMap(({ trace }) => trace), choice] })
}

/** Slots that count as 0. Where they are left out, that is said with the ranking. */
function missingSteps(given: readonly SlotSeries[], { missing, directions }: PercentileRule): TraceStep[] {
  if (missing !== 'zero') return []
  const series = given.filter(({ direction }) => rankedDirections(directions).includes(direction))
  const count = series.reduce(
    (sum, { values }) => sum + values.filter((value) => value === undefined).length,
    0,
  )
  if (count === 0) return []
  return [{ rule: 'missing slots zero', input: `${count} slots of ${series.length} series`, output: '0' }]
}

/** How in and out became one. */
function joinSteps({ direction }: PercentileResult, { directions }: PercentileRule): TraceStep[] {
  if (direction !== 'combined') return []
  return [{ rule: `directions ${directions}`, input: 'in and out of each slot', output: direction }]
}

function withZeros(series: SlotSeries): SlotSeries {
  return { ...series, values: series.values.map((value) => value ?? 0n) }
}

function checkSeries(series: readonly SlotSeries[], policy: DirectionPolicy): Result<void> {
  const foreign = series.find(({ direction }) => (direction === 'level') !== (policy === 'level'))
  if (foreign !== undefined) {
    const { resource, direction } = foreign
    return fail('TARIFF_INVALID', `${resource}: directions ${policy} cannot bill a series of ${direction}`)
  }
  const expected = series[0]?.values.length ?? 0
  const uneven = series.find(({ values }) => values.length !== expected)
  if (uneven !== undefined) {
    const { resource, direction, values } = uneven
    const text = `${resource} ${direction} has ${values.length} slots where others have ${expected}`
    return fail('TARIFF_INVALID', `${text}; give all series the same slots`)
  }
  const absent = rankedDirections(policy).find((wanted) =>
    series.every(({ direction }) => direction !== wanted),
  )
  if (absent !== undefined) return fail('USAGE_INCOMPLETE', `there are no slots of ${absent} to rank`)
  return ok(undefined)
}

function candidatesOf(series: readonly SlotSeries[], policy: DirectionPolicy): Candidate[] {
  if (policy === 'sum') return [{ direction: 'combined', slots: sumSlots(series) }]
  const sums = DIRECTIONS[policy].map((direction) => ({
    direction,
    slots: sumSlots(series.filter((one) => one.direction === direction)),
  }))
  if (policy !== 'larger-per-slot') return sums
  const [inward, outward] = sums
  const slots = inward!.slots.map((value, slot) => larger(value, outward!.slots[slot]))
  return [{ direction: 'combined', slots }]
}

function larger(a: Rational | undefined, b: Rational | undefined): Rational | undefined {
  if (a === undefined || b === undefined) return undefined
  return compare(a, b) >= 0 ? a : b
}

function rank({ direction, slots }: Candidate, rule: PercentileRule): Result<PercentileResult> {
  const values = slots.filter((value) => value !== undefined)
  const missing = slots.length - values.length
  if (rule.missing === 'refused' && missing > 0) {
    return fail('USAGE_INCOMPLETE', `${direction}: ${missing} of ${slots.length} slots are missing`)
  }
  if (values.length === 0) {
    return fail('USAGE_INCOMPLETE', `${direction}: none of ${slots.length} slots is left to rank`)
  }
  const counted = BigInt(values.length)
  const place = rankOf(rule.percent, counted)
  const value = select(values, place)
  const trace: TraceStep[] = [
    {
      rule: `percentile ${exactText(rule.percent)} ${direction}`,
      input: `${counted} slots, rank ${place}`,
      output: exactText(value),
    },
  ]
  if (missing > 0) {
    trace.unshift({
      rule: `missing slots ${rule.missing}`,
      input: `${slots.length} expected`,
      output: `${counted}`,
    })
  }
  return ok({ value, direction, rank: place, counted, expected: BigInt(slots.length), trace })
}

/** The value at a place counted from 1: by whole parts, and exactly among those that share its whole part. */
function select(values: readonly Rational[], place: bigint): Rational {
  const wholes = values.map(({ n, d }) => (d === 1n ? n : floor(n, d)))
  const ascending = wholes.toSorted(compareWhole)
  const whole = nth(ascending, place)
  const close = values.filter((_, index) => wholes[index] === whole)
  return nth(close.toSorted(compare), place - BigInt(ascending.indexOf(whole)))
}

function nth<T>(ascending: readonly T[], place: bigint): T {
  return ascending.find((_, index) => BigInt(index) + 1n === place)!
}

function compareWhole(a: bigint, b: bigint): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
