import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { type Rational, add, compare, equals, multiply, rational } from '@vouch/proto/kernel/rational.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { TraceStep } from '../tariff/trace.ts'
import {
  type DirectionPolicy,
  type PercentileResult,
  type PercentileRule,
  type SlotSeries,
  billablePercentile,
  rankOf,
} from './percentile.ts'
import { inSteps } from './slot-values.ts'

type Slots = readonly (Rational | undefined)[]

const POLICIES = ['higher', 'larger-per-slot', 'sum', 'in', 'out'] as const

test('a rank is the count less the whole slots of the share dropped, and one of the slots', () => {
  const counts = fc.bigInt({ min: 1n, max: 10n ** 7n })
  fc.assert(
    fc.property(percents(), counts, (percent, count) => {
      const dropped = ((100n * percent.d - percent.n) * count) / (100n * percent.d)
      expect(rankOf(percent, count)).toBe(count - dropped)
      expect(rankOf(percent, count) >= 1n && rankOf(percent, count) <= count).toBe(true)
    }),
  )
})

test('the value is that of a sort of the exact sums', () => {
  fc.assert(
    fc.property(ports(), percents(), fc.constantFrom(...POLICIES), (series, percent, directions) => {
      const result = billed(series, rule(directions, { percent }))
      expect(result.value).toEqual(slowly(series, percent, directions))
    }),
  )
})

test('the order of slots and of ports changes nothing', () => {
  fc.assert(
    fc.property(
      ports(),
      percents(),
      policies(),
      fc.infiniteStream(fc.nat()),
      (series, percent, one, keys) => {
        const order = series[0]!.values.map((_, slot) => [keys.next().value, slot] as const)
        const places = order.toSorted(([a], [b]) => a - b).map(([, slot]) => slot)
        const moved = series.map((s) => ({ ...s, values: places.map((slot) => s.values[slot]) }))
        expect(billed(moved.toReversed(), { ...one, percent })).toEqual(billed(series, { ...one, percent }))
      },
    ),
  )
})

test('it does not fall as the percent rises, and 100 is the largest slot', () => {
  fc.assert(
    fc.property(ports(), percents(), percents(), policies(), (series, a, b, one) => {
      const [low, high] = compare(a, b) <= 0 ? [a, b] : [b, a]
      const at = (percent: Rational): Rational => billed(series, { ...one, percent }).value
      expect(compare(at(low), at(high))).toBeLessThanOrEqual(0)
      expect(compare(at(high), at(rational(100n)))).toBeLessThanOrEqual(0)
      const counted =
        one.missing === 'zero'
          ? series.map((each) => ({ ...each, values: each.values.map((value) => value ?? 0n) }))
          : series
      expect(at(rational(100n))).toEqual(slowly(counted, rational(100n), one.directions))
    }),
  )
})

test('it does not fall as a slot rises', () => {
  fc.assert(
    fc.property(ports(), percents(), policies(), fc.nat(), values(), (series, percent, one, at, more) => {
      const [first, ...rest] = series
      const raised = fractionsOf(first!).map((value, slot) =>
        slot === at % first!.values.length && value !== undefined ? add(value, more) : value,
      )
      const before = billed(series, { ...one, percent }).value
      const after = billed([{ ...first!, ...inSteps(raised) }, ...rest], { ...one, percent }).value
      expect(compare(before, after)).toBeLessThanOrEqual(0)
    }),
  )
})

test('a slot that is missing and excluded changes only what was expected', () => {
  fc.assert(
    fc.property(ports(), percents(), fc.constantFrom(...POLICIES), (series, percent, directions) => {
      const longer = series.map((s) => ({ ...s, values: [undefined, ...s.values] }))
      const { trace, ...before } = billed(series, rule(directions, { percent }))
      const { trace: traced, ...after } = billed(longer, rule(directions, { percent }))
      expect(after).toEqual({ ...before, expected: before.expected + 1n })
      const ranking = ({ rule: name }: TraceStep): boolean => !name.startsWith('missing')
      expect(traced.filter(ranking)).toEqual(trace.filter(ranking))
    }),
  )
})

test('a factor for all slots is a factor of the value', () => {
  const factors = values().filter((factor) => factor.n > 0n)
  fc.assert(
    fc.property(ports(), percents(), policies(), factors, (series, percent, one, factor) => {
      const scaled = series.map((s) => ({
        ...s,
        ...inSteps(fractionsOf(s).map((value) => value && multiply(value, factor))),
      }))
      const { value, direction } = billed(series, { ...one, percent })
      expect(billed(scaled, { ...one, percent })).toMatchObject({
        value: multiply(value, factor),
        direction,
      })
    }),
  )
})

test('gauges below 0 and fractions that share a whole part are ranked exactly', () => {
  const near = fc.tuple(fc.bigInt({ min: -40n, max: 40n }), fc.bigInt({ min: 1n, max: 10n ** 20n }))
  fc.assert(
    fc.property(fc.array(near, { minLength: 1, maxLength: 40 }), percents(), (parts, percent) => {
      const slots = parts.map(([n, d]) => rational(n, d))
      const result = billed([gauge(slots)], rule('level', { percent }))
      expect(equals(result.value, nth(slots, percent))).toBe(true)
    }),
  )
})

function rule(directions: DirectionPolicy, more: Partial<PercentileRule> = {}): PercentileRule {
  return { percent: rational(95n), directions, missing: 'excluded', ...more }
}

function port(inward: Slots, outward: Slots, resource = 'port:1'): SlotSeries[] {
  return [
    { resource, direction: 'in', ...inSteps(inward) },
    { resource, direction: 'out', ...inSteps(outward) },
  ]
}

function fractionsOf({ values: own, step }: SlotSeries): Slots {
  return own.map((value) => (value === undefined ? undefined : multiply(rational(value), step)))
}

function gauge(slots: Slots): SlotSeries {
  return { resource: 'gauge:1', direction: 'level', ...inSteps(slots) }
}

function billed(series: readonly SlotSeries[], one: PercentileRule): PercentileResult {
  return unwrap(billablePercentile(series, one))
}

function percents(): fc.Arbitrary<Rational> {
  return fc.bigInt({ min: 1n, max: 10_000n }).map((n) => rational(n, 100n))
}

function values(): fc.Arbitrary<Rational> {
  const small = fc.bigInt({ min: 0n, max: 3n }).map((n) => rational(n))
  const rates = fc.bigInt({ min: 0n, max: 2n ** 64n }).map((octets) => rational(octets * 8000n, 300_000n))
  const spans = fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 64n }), fc.bigInt({ min: 1n, max: 10n ** 7n }))
  return fc.oneof(
    small,
    rates,
    spans.map(([octets, ms]) => rational(octets * 8000n, ms)),
  )
}

/** Policies that do not refuse. */
function policies(): fc.Arbitrary<PercentileRule> {
  return fc
    .tuple(fc.constantFrom(...POLICIES), fc.constantFrom('excluded' as const, 'zero' as const))
    .map(([directions, missing]) => rule(directions, { missing }))
}

/** One to three ports of the same slots; the first slot is never missing, so that one is always left. */
function ports(): fc.Arbitrary<SlotSeries[]> {
  const lists = fc
    .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 24 }))
    .chain(([count, more]) => {
      const slot = fc.option(values(), { nil: undefined, freq: 12 })
      const rest = fc.array(slot, { minLength: more, maxLength: more })
      const list = fc.tuple(values(), rest).map(([first, others]) => [first, ...others])
      return fc.array(fc.tuple(list, list), { minLength: count, maxLength: count })
    })
  return lists.map((pairs) => pairs.flatMap(([inward, outward], at) => port(inward, outward, `port:${at}`)))
}

/** By the definition: every value sorted as a fraction, the top share dropped. */
function nth(slots: readonly Rational[], percent: Rational): Rational {
  const dropped = ((100n * percent.d - percent.n) * BigInt(slots.length)) / (100n * percent.d)
  return slots.toSorted((a, b) => compare(b, a))[Number(dropped)]!
}

function slowly(series: readonly SlotSeries[], percent: Rational, directions: DirectionPolicy): Rational {
  const total = (direction: string): Slots =>
    series
      .filter((one) => one.direction === direction)
      .map((one) => fractionsOf(one))
      .reduce((sums, others) => sums.map((sum, slot) => both(add, sum, others[slot])))
  const pick = (slots: Slots): Rational =>
    nth(
      slots.filter((slot) => slot !== undefined),
      percent,
    )
  const larger = (a: Rational, b: Rational): Rational => (compare(a, b) > 0 ? a : b)
  const [inward, outward] = [total('in'), total('out')]
  if (directions === 'in') return pick(inward)
  if (directions === 'out') return pick(outward)
  if (directions === 'higher') return larger(pick(inward), pick(outward))
  const join = directions === 'sum' ? add : larger
  return pick(inward.map((value, slot) => both(join, value, outward[slot])))
}

function both(
  join: (a: Rational, b: Rational) => Rational,
  a: Rational | undefined,
  b: Rational | undefined,
): Rational | undefined {
  return a === undefined || b === undefined ? undefined : join(a, b)
}
