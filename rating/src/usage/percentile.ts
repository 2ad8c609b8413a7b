import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { ZERO, compare, rational } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { ceiling } from '@vouch/proto/kernel/rounding.ts'
import { exactText } from '../tariff/trace.ts'
import type { TraceStep } from '../tariff/trace.ts'

/** One direction of a port, or a level, slot by slot; undefined = the slot is missing. */
export interface SlotSeries {
  readonly resource: string
  readonly direction: Direction
  readonly values: readonly (Rational | undefined)[]
}

/** What a series is of. */
export type Direction = 'in' | 'out' | 'level'

/**
 * Which value is billed: the `higher` of the percentiles of both directions, each ranked by itself; that of the `larger-per-slot`; that of
 * their `sum`; or of one of them.
 */
export type DirectionPolicy = 'higher' | 'larger-per-slot' | 'sum' | Direction

/** A slot that is missing is `excluded` from the ranking and from its count, counts as `zero`, or is `refused`. */
export type MissingSlotPolicy = 'excluded' | 'zero' | 'refused'

/** How a percentile is taken. */
export interface PercentileRule {
  /** Above 0, at most 100, which is the largest value: peak billing. */
  readonly percent: Rational
  readonly directions: DirectionPolicy
  readonly missing: MissingSlotPolicy
}

/** A percentile with its way. */
export interface PercentileResult {
  readonly value: Rational
  readonly direction: Direction | 'combined'
  /** Its place, from 1, in ascending order. */
  readonly rank: bigint
  /** Slots that were ranked, and that there should be. */
  readonly counted: bigint
  readonly expected: bigint
  readonly trace: readonly TraceStep[]
}

/** The rank, from 1 in ascending order, of a percentile of so many values: the least that is p per cent of them or more. */
export function rankOf(percent: Rational, count: bigint): bigint {
  return ceiling(percent.n * count, percent.d * 100n)
}

/** The average rate of so many octets over a slot, bit/s. */
export function bitsPerSecond(octets: bigint, slotMs: bigint): Rational {
  return rational(octets * 8n * 1000n, slotMs)
}

/**
 * The percentile that is billed of the slots of one pool: its ports are summed slot by slot before they are ranked, and a slot that one of
 * them lacks is missing. Never interpolated. Faults: USAGE_INCOMPLETE where slots are missing that must not be, or all;
 * TARIFF_INVALID where a direction is not there.
 */
export function billablePercentile(
  series: readonly SlotSeries[],
  rule: PercentileRule,
): Result<PercentileResult> {
  const sums = new Map(
    Map.groupBy(series, ({ direction }) => direction)
      .entries()
      .map(([direction, own]) => [direction, sumSlots(own)]),
  )
  const { directions } = rule
  if (directions === 'higher') return higher(sums, rule)
  if (directions === 'in' || directions === 'out' || directions === 'level') {
    const slots = sums.get(directions)
    return slots === undefined ? absent(directions) : ranked(slots, directions, rule)
  }
  const [first, second] = [sums.get('in'), sums.get('out')]
  if (first === undefined || second === undefined) return absent(first === undefined ? 'in' : 'out')
  const combined = combine(first, second, directions === 'sum' ? plus : larger)
  return ranked(combined, 'combined', rule)
}

/** Slots over a common denominator, so that they add and compare as whole numbers. */
export interface Slots {
  readonly denominator: bigint
  readonly values: readonly (bigint | undefined)[]
}

/** The sum of series, slot by slot; a slot that one of them lacks is missing. */
export function sumSlots(series: readonly SlotSeries[]): Slots {
  const denominator = series
    .flatMap(({ values }) => values)
    .reduce((common, value) => (value === undefined ? common : leastCommonMultiple(common, value.d)), 1n)
  const count = Math.max(0, ...series.map(({ values }) => values.length))
  const values = Array.from({ length: count }, (_, slot) =>
    series.reduce<bigint | undefined>((sum, own) => {
      const value = own.values[slot]
      return sum === undefined || value === undefined ? undefined : sum + value.n * (denominator / value.d)
    }, 0n),
  )
  return { denominator, values }
}

function combine(a: Slots, b: Slots, join: (x: bigint, y: bigint) => bigint): Slots {
  const denominator = leastCommonMultiple(a.denominator, b.denominator)
  const [scaleA, scaleB] = [denominator / a.denominator, denominator / b.denominator]
  const values = a.values.map((value, slot) => {
    const other = b.values[slot]
    return value === undefined || other === undefined ? undefined : join(value * scaleA, other * scaleB)
  })
  return { denominator, values }
}

const plus = (x: bigint, y: bigint): bigint => x + y
const larger = (x: bigint, y: bigint): bigint => (x > y ? x : y)

function higher(sums: ReadonlyMap<Direction, Slots>, rule: PercentileRule): Result<PercentileResult> {
  const [inwards, outwards] = [sums.get('in'), sums.get('out')]
  // What has no direction is not ranked against itself.
  const level = sums.get('level')
  if (inwards === undefined && outwards === undefined && level !== undefined)
    return ranked(level, 'level', rule)
  if (inwards === undefined || outwards === undefined) return absent(inwards === undefined ? 'in' : 'out')
  const [first, second] = [ranked(inwards, 'in', rule), ranked(outwards, 'out', rule)]
  if (!first.ok) return first
  if (!second.ok) return second
  const [a, b] = [first.value, second.value]
  const winner = compare(a.value, b.value) < 0 ? b : a
  const choice = {
    rule: 'directions higher',
    input: `in ${exactText(a.value)}, out ${exactText(b.value)}`,
    output: winner.direction,
  }
  return ok({ ...winner, trace: [...a.trace, ...b.trace, choice] })
}

function ranked(
  { denominator, values }: Slots,
  direction: PercentileResult['direction'],
  { percent, missing }: PercentileRule,
): Result<PercentileResult> {
  const expected = BigInt(values.length)
  const present = values.filter((value) => value !== undefined)
  const absentCount = expected - BigInt(present.length)
  if (missing === 'refused' && absentCount > 0n)
    return fail('USAGE_INCOMPLETE', `${absentCount} of ${expected} slots are missing`)
  const counted = missing === 'zero' ? values.map((value) => value ?? 0n) : present
  const count = BigInt(counted.length)
  if (count === 0n) return fail('USAGE_INCOMPLETE', 'every slot is missing')
  const rank = rankOf(percent, count)
  const value = rational(ascending(counted)[Number.parseInt(`${rank - 1n}`, 10)] ?? ZERO.n, denominator)
  const trace = [
    {
      rule: `missing slots ${missing}`,
      input: `${expected} expected, ${absentCount} missing`,
      output: `${count}`,
    },
    {
      rule: `percentile ${exactText(percent)} ${direction}`,
      input: `${count} slots, rank ${rank}`,
      output: exactText(value),
    },
  ]
  return ok({ value, direction, rank, counted: count, expected, trace })
}

const INT64_MAX = 2n ** 63n - 1n

/** Typed arrays sort whole numbers several times faster than comparing them one by one. */
function ascending(values: readonly bigint[]): ArrayLike<bigint> {
  return values.every((value) => value <= INT64_MAX && value >= -INT64_MAX)
    ? BigInt64Array.from(values).toSorted()
    : values.toSorted((a, b) => compare(rational(a), rational(b)))
}

function absent(direction: Direction): Result<never> {
  return fail('TARIFF_INVALID', `there are no slots of the direction ${direction}`)
}

function leastCommonMultiple(a: bigint, b: bigint): bigint {
  return a % b === 0n ? a : a * rational(b, a).n
}
