import { type Result, collect, fail, ok } from '@vouch/proto/kernel/fault.ts'
import { nearest } from '@vouch/proto/kernel/nearest.ts'
import { type Rational, ZERO, compare, rational } from '@vouch/proto/kernel/rational.ts'
import { ceiling, floor } from '@vouch/proto/kernel/rounding.ts'
import { type TraceStep, exactText } from '../tariff/trace.ts'

/** One series: a port in one direction, or a gauge. All series of one line have the same slots. */
export interface SlotSeries {
  readonly resource: string
  readonly direction: 'in' | 'out' | 'level'
  /** One value for each slot, in any unit that the line's series share; undefined: the slot is missing. */
  readonly values: readonly (Rational | undefined)[]
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

const MISSING_SLOTS = ['excluded', 'zero', 'refused'] as const

/** What becomes of the two directions of traffic. */
export type DirectionPolicy = keyof typeof DIRECTIONS

/** A missing slot is left out of the ranking and its count, counts as 0, or is a fault. */
export type MissingSlotPolicy = (typeof MISSING_SLOTS)[number]

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
  series: readonly SlotSeries[],
  rule: PercentileRule,
): Result<PercentileResult> {
  const { percent, directions } = rule
  if (percent.n <= 0n || percent.n > 100n * percent.d) {
    return fail('TARIFF_INVALID', `the percentile must be above 0 and at most 100, not ${exactText(percent)}`)
  }
  const checked = checkSeries(series, directions)
  if (!checked.ok) return checked
  const ranked = collect(candidatesOf(series, directions).map((candidate) => rank(candidate, rule)))
  if (!ranked.ok) return ranked
  const [first, second] = ranked.value
  if (second === undefined) return ok(first!)
  const billed = compare(first!.value, second.value) >= 0 ? first! : second
  const input = ranked.value.map(({ direction, value }) => `${direction} ${exactText(value)}`).join(', ')
  const choice = { rule: `directions ${directions}`, input, output: billed.direction }
  return ok({ ...billed, trace: [...ranked.value.flatMap(({ trace }) => trace), choice] })
}

/**
 * The sum of all series in each slot; undefined where one of them misses the slot or has ended. A
 * fraction is reduced once for each slot, not for each addition.
 */
export function sumSlots(series: readonly Pick<SlotSeries, 'values'>[]): (Rational | undefined)[] {
  const length = series.reduce((longest, { values }) => Math.max(longest, values.length), 0)
  const sums = Array.from({ length }, (): { n: bigint; d: bigint } | undefined => ({ n: 0n, d: 1n }))
  for (const { values } of series) {
    for (let slot = 0; slot < length; slot += 1) {
      const sum = sums[slot]
      const value = values[slot]
      if (sum === undefined) continue
      if (value === undefined) sums[slot] = undefined
      else if (value.d === sum.d) sum.n += value.n
      else if (sum.d % value.d === 0n) sum.n += value.n * (sum.d / value.d)
      else {
        sum.n = sum.n * value.d + value.n * sum.d
        sum.d *= value.d
      }
    }
  }
  return sums.map((sum) => sum && rational(sum.n, sum.d))
}

/** The average rate over a slot in bit/s: octets · 8 / seconds, exact. Throws when the slot has no length. */
export function bitsPerSecond(octets: bigint, slotMs: bigint): Rational {
  return rational(octets * 8000n, slotMs)
}

/** Reads the name of a direction policy. Faults: TARIFF_INVALID. */
export function parseDirectionPolicy(name: string): Result<DirectionPolicy> {
  return parseName(name, Object.keys(DIRECTIONS) as DirectionPolicy[], 'directions')
}

/** Reads the name of a policy for missing slots. Faults: TARIFF_INVALID. */
export function parseMissingSlotPolicy(name: string): Result<MissingSlotPolicy> {
  return parseName(name, MISSING_SLOTS, 'missing slots')
}

function parseName<T extends string>(name: string, known: readonly T[], what: string): Result<T> {
  const found = known.find((candidate) => candidate === name)
  if (found !== undefined) return ok(found)
  const suggestion = nearest(name, known)
  const hint = suggestion === undefined ? `write one of ${known.join(', ')}` : `did you mean ${suggestion}?`
  return fail('TARIFF_INVALID', `${name} is not a policy for ${what}; ${hint}`)
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
  const absent = DIRECTIONS[policy].find((wanted) => series.every(({ direction }) => direction !== wanted))
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
  const present = slots.filter((value) => value !== undefined)
  const missing = slots.length - present.length
  if (rule.missing === 'refused' && missing > 0) {
    return fail('USAGE_INCOMPLETE', `${direction}: ${missing} of ${slots.length} slots are missing`)
  }
  const values = rule.missing === 'zero' ? slots.map((value) => value ?? ZERO) : present
  if (values.length === 0) {
    return fail('USAGE_INCOMPLETE', `${direction}: none of ${slots.length} slots is left to rank`)
  }
  const counted = BigInt(values.length)
  const place = rankOf(rule.percent, counted)
  const value = select(values, Number.parseInt(`${place}`, 10))
  const trace: TraceStep[] = [
    {
      rule: `percentile ${exactText(rule.percent)} ${direction}`,
      input: `${counted} slots, rank ${place}`,
      output: exactText(value),
    },
  ]
  if (missing > 0) {
    const output = rule.missing === 'zero' ? `${counted}, ${missing} as 0` : `${counted}`
    trace.unshift({ rule: `missing slots ${rule.missing}`, input: `${slots.length} expected`, output })
  }
  return ok({ value, direction, rank: place, counted, expected: BigInt(slots.length), trace })
}

/** The value at a place counted from 1: by whole parts, and exactly among those that share its whole part. */
function select(values: readonly Rational[], place: number): Rational {
  const wholes = values.map(({ n, d }) => (d === 1n ? n : floor(n, d)))
  const ascending = wholes.toSorted((a, b) => compare(rational(a), rational(b)))
  const whole = ascending[place - 1]!
  const close = values.filter((_, index) => wholes[index] === whole)
  return close.toSorted(compare)[place - 1 - ascending.indexOf(whole)]!
}
