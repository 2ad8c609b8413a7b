import { type Fault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { type Rational, ZERO, compare, rational } from '@vouch/proto/kernel/rational.ts'
import { describe, expect, test } from 'vitest'
import {
  type DirectionPolicy,
  type PercentileResult,
  type PercentileRule,
  type SlotSeries,
  billablePercentile,
  rankOf,
} from './percentile.ts'
import { inSteps, sumSlots } from './slot-values.ts'

type Slots = readonly (Rational | undefined)[]

const P95 = rational(95n)

const IN = decimals(
  '0.139 0.653 0.201 0.116 0.084 0.032 0.047 0.185 0.198 0.203 0.276 0.370 0.971 0.233 0.218 0.182 0.169 0.126 0.131 0.157',
)
const OUT = decimals(
  '1.347 1.435 1.229 0.523 0.438 0.231 0.347 0.689 0.940 1.248 1.385 1.427 3.988 1.265 1.221 1.013 0.992 0.874 0.896 1.002',
)

function decimals(text: string): Rational[] {
  return text.split(' ').map((one) => unwrap(parseDecimal(one)))
}

function decimal(text: string): Rational {
  return unwrap(parseDecimal(text))
}

function rule(directions: DirectionPolicy, more: Partial<PercentileRule> = {}): PercentileRule {
  return { percent: P95, directions, missing: 'excluded', ...more }
}

function port(inward: Slots, outward: Slots, resource = 'port:1'): SlotSeries[] {
  return [
    { resource, direction: 'in', ...inSteps(inward) },
    { resource, direction: 'out', ...inSteps(outward) },
  ]
}

function gauge(values: Slots, resource = 'gauge:1'): SlotSeries {
  return { resource, direction: 'level', ...inSteps(values) }
}

function billed(series: readonly SlotSeries[], one: PercentileRule): PercentileResult {
  return unwrap(billablePercentile(series, one))
}

function faultOf(series: readonly SlotSeries[], one: PercentileRule): Fault {
  const result = billablePercentile(series, one)
  if (result.ok) throw new Error('a fault was expected')
  return result.fault
}

function whole(...values: number[]): Rational[] {
  return values.map((value) => rational(BigInt(value)))
}

describe('the published vectors of 20 samples', () => {
  test.each([
    ['higher', '1.435', 'out'],
    ['in', '0.653', 'in'],
    ['out', '1.435', 'out'],
    ['larger-per-slot', '1.435', 'combined'],
    ['sum', '2.088', 'combined'],
  ] as const)('%s bills %s', (directions, value, direction) => {
    const result = billed(port(IN, OUT), rule(directions))
    expect(result).toMatchObject({ value: decimal(value), direction, rank: 19n, counted: 20n, expected: 20n })
  })

  test('the trace names every step', () => {
    expect(billed(port(IN, OUT), rule('higher')).trace).toEqual([
      { rule: 'percentile 95 in', input: '20 slots, rank 19', output: '0.653' },
      { rule: 'percentile 95 out', input: '20 slots, rank 19', output: '1.435' },
      { rule: 'directions higher', input: 'in 0.653, out 1.435', output: 'out' },
    ])
    expect(billed(port(IN, OUT), rule('sum')).trace).toEqual([
      { rule: 'directions sum', input: 'in and out of each slot', output: 'combined' },
      { rule: 'percentile 95 combined', input: '20 slots, rank 19', output: '2.088' },
    ])
  })

  test('the trace tells in and out joined by their larger from their sum, and what counts as zero', () => {
    const [, ...rest] = IN
    const patchy = port([undefined, ...rest], [undefined, ...OUT.slice(1)])
    const { trace, value } = billed(patchy, rule('larger-per-slot', { missing: 'zero' }))
    expect(value).toEqual(decimal('1.435'))
    expect(trace).toEqual([
      { rule: 'missing slots zero', input: '2 slots of 2 series', output: '0' },
      { rule: 'directions larger-per-slot', input: 'in and out of each slot', output: 'combined' },
      { rule: 'percentile 95 combined', input: '20 slots, rank 19', output: '1.435' },
    ])
  })

  test('slots that a direction left aside misses are none that count as zero', () => {
    const { trace } = billed(port(IN, [undefined, ...OUT.slice(1)]), rule('in', { missing: 'zero' }))
    expect(trace.map(({ rule: name }) => name)).toEqual(['percentile 95 in'])
  })

  test('the peak is percent 100', () => {
    expect(billed(port(IN, OUT), rule('higher', { percent: rational(100n) })).value).toEqual(decimal('3.988'))
  })
})

test.each([
  [35 * 12, 100n],
  [36 * 12, 100n],
  [36 * 12 + 1, 900n],
  [37 * 12, 900n],
])('a burst of %i slots in a month of 30 days bills %i', (burst, value) => {
  const slots = Array.from({ length: 8640 }, () => rational(100n))
  for (let slot = 0; slot < burst; slot += 1) slots[slot * 19] = rational(900n)
  expect(billed([gauge(slots)], rule('level'))).toMatchObject({ value: rational(value), rank: 8208n })
})

describe('rank', () => {
  test.each([
    [20n, 19n],
    [8064n, 7661n],
    [8352n, 7935n],
    [8640n, 8208n],
    [8916n, 8471n],
    [8928n, 8482n],
  ])('95 percent of %i slots is rank %i', (count, place) => {
    expect(rankOf(P95, count)).toBe(place)
  })

  test('a month of 31 days drops the top 446 slots', () => {
    const slots = Array.from({ length: 8928 }, (_, slot) => rational(BigInt((slot * 4801) % 8928)))
    const result = billed([gauge(slots)], rule('level'))
    expect(result.rank).toBe(8482n)
    expect(slots.filter((slot) => compare(slot, result.value) > 0)).toHaveLength(446)
  })
})

describe('missing slots', () => {
  const values = [...whole(5, 1, 4), undefined, ...whole(2, 3), undefined]

  test('excluded: they are neither ranked nor counted', () => {
    const result = billed([gauge(values)], rule('level', { percent: rational(60n) }))
    expect(result).toMatchObject({ value: rational(3n), rank: 3n, counted: 5n, expected: 7n })
    expect(result.trace).toEqual([
      { rule: 'missing slots excluded', input: '7 expected', output: '5' },
      { rule: 'percentile 60 level', input: '5 slots, rank 3', output: '3' },
    ])
  })

  test('zero: a port counts as 0 where it has none, and the others as they are', () => {
    const result = billed([gauge(values)], rule('level', { percent: rational(60n), missing: 'zero' }))
    expect(result).toMatchObject({ value: rational(3n), rank: 5n, counted: 7n, expected: 7n })
    const ports = [gauge([rational(5n), undefined]), gauge([rational(1n), rational(4n)])]
    const sum = billed(ports, rule('level', { percent: rational(50n), missing: 'zero' }))
    expect(sum).toMatchObject({ value: rational(4n), counted: 2n })
  })

  test('refused: the fault tells how many, for each direction', () => {
    const fault = faultOf(port(values, [...whole(1, 2, 3, 4, 5, 6), undefined]), {
      ...rule('higher'),
      missing: 'refused',
    })
    expect(fault.code).toBe('USAGE_INCOMPLETE')
    expect(fault.message).toBe('in: 2 of 7 slots are missing; out: 1 of 7 slots are missing')
    expect(billed(port(IN, OUT), rule('higher', { missing: 'refused' })).value).toEqual(decimal('1.435'))
  })

  test('a slot that one port misses is missing', () => {
    const series = [gauge([...whole(1), undefined, ...whole(3)]), gauge([...whole(10, 20), undefined])]
    expect(sumSlots(series)).toEqual([rational(11n), undefined, undefined])
    expect(billed(series, rule('level'))).toMatchObject({ value: rational(11n), counted: 1n, expected: 3n })
  })

  test('a slot that one direction misses is missing from what joins both', () => {
    const series = port([...whole(9), undefined, ...whole(1)], whole(1, 50, 2))
    expect(billed(series, rule('sum'))).toMatchObject({ value: rational(10n), counted: 2n })
    expect(billed(series, rule('larger-per-slot'))).toMatchObject({ value: rational(9n), counted: 2n })
    expect(billed(series, rule('higher'))).toMatchObject({ value: rational(50n), counted: 3n })
  })

  test.each<[string, SlotSeries[], DirectionPolicy]>([
    ['no series', [], 'higher'],
    ['no slots', [gauge([])], 'level'],
    ['none left', [gauge([undefined, undefined])], 'level'],
    ['none left in one direction', port(whole(1), [undefined]), 'higher'],
    ['no series of one direction', port(whole(1), whole(2)).slice(0, 1), 'sum'],
  ])('%s: USAGE_INCOMPLETE', (_, series, directions) => {
    expect(faultOf(series, rule(directions)).code).toBe('USAGE_INCOMPLETE')
  })
})

describe('what the tariff cannot ask', () => {
  test.each<[string, SlotSeries[], PercentileRule]>([
    ['series of different lengths', port(whole(1, 2), whole(1)), rule('higher')],
    ['a gauge as traffic', [...port(whole(1), whole(1)), gauge(whole(1))], rule('sum')],
    ['traffic as a gauge', port(whole(1), whole(1)), rule('level')],
    ['percent 0', port(IN, OUT), rule('higher', { percent: ZERO })],
    ['percent above 100', port(IN, OUT), rule('higher', { percent: rational(10001n, 100n) })],
  ])('%s: TARIFF_INVALID', (_, series, one) => {
    expect(faultOf(series, one).code).toBe('TARIFF_INVALID')
  })
})

test('in a tie of both directions "in" is billed', () => {
  expect(billed(port(whole(1, 7), whole(7, 7)), rule('higher')).direction).toBe('in')
})
