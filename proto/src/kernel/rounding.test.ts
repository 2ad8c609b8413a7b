import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  ROUNDINGS,
  ceiling,
  down,
  floor,
  halfDown,
  halfEven,
  halfUp,
  parseRoundingName,
  roundingByName,
  up,
} from './rounding.ts'
import type { Rounding, RoundingName } from './rounding.ts'

const numerators = fc.oneof(
  fc.bigInt({ min: -50n, max: 50n }),
  fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }),
)
const denominators = fc.oneof(fc.bigInt({ min: 1n, max: 12n }), fc.bigInt({ min: 1n, max: 10n ** 20n }))
const modes = Object.entries(ROUNDINGS)

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value
}

describe.each(modes)('%s', (_name, round) => {
  it('moves a value by less than one, and a whole number not at all', () => {
    fc.assert(
      fc.property(numerators, denominators, (n, d) => {
        expect(magnitude(round(n, d) * d - n) < d).toBe(true)
        expect(round(n * d, d)).toBe(n)
      }),
    )
  })

  it('keeps order and does not depend on how the fraction is written', () => {
    fc.assert(
      fc.property(numerators, numerators, denominators, (a, b, d) => {
        expect(round(a < b ? a : b, d) <= round(a < b ? b : a, d)).toBe(true)
        expect(round(a * 6n, d * 6n)).toBe(round(a, d))
      }),
    )
  })

  it('refuses a denominator that is not positive', () => {
    expect(() => round(1n, 0n)).toThrow(RangeError)
    expect(() => round(1n, -2n)).toThrow(RangeError)
  })
})

describe.each<[string, Rounding]>([
  ['half-even', halfEven],
  ['half-up', halfUp],
  ['half-down', halfDown],
])('%s', (_name, round) => {
  it('goes to the nearest and treats both signs alike', () => {
    fc.assert(
      fc.property(numerators, denominators, (n, d) => {
        expect(2n * magnitude(round(n, d) * d - n) <= d).toBe(true)
        expect(round(-n, d)).toBe(-round(n, d))
      }),
    )
  })
})

it('floor and ceiling, down and up mirror each other', () => {
  fc.assert(
    fc.property(numerators, denominators, (n, d) => {
      expect(ceiling(n, d)).toBe(-floor(-n, d))
      expect(down(-n, d)).toBe(-down(n, d))
      expect(up(-n, d)).toBe(-up(n, d))
      expect(magnitude(down(n, d)) <= magnitude(up(n, d))).toBe(true)
    }),
  )
})

it('half-even has no bias over consecutive halves', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -1000n, max: 1000n }), (start) => {
      const halves = Array.from({ length: 4 }, (_, index) => 2n * (start + BigInt(index)) + 1n)
      const rounded = halves.reduce((sum, n) => sum + halfEven(n, 2n), 0n)
      expect(2n * rounded).toBe(halves.reduce((sum, n) => sum + n, 0n))
    }),
  )
})

// The table of IEEE 754 and java.math.RoundingMode, in tenths.
const columns: readonly RoundingName[] = [
  'half-even',
  'half-up',
  'half-down',
  'floor',
  'ceiling',
  'down',
  'up',
]
it.each<readonly [bigint, ...bigint[]]>([
  [55n, 6n, 6n, 5n, 5n, 6n, 5n, 6n],
  [25n, 2n, 3n, 2n, 2n, 3n, 2n, 3n],
  [16n, 2n, 2n, 2n, 1n, 2n, 1n, 2n],
  [11n, 1n, 1n, 1n, 1n, 2n, 1n, 2n],
  [10n, 1n, 1n, 1n, 1n, 1n, 1n, 1n],
  [-10n, -1n, -1n, -1n, -1n, -1n, -1n, -1n],
  [-11n, -1n, -1n, -1n, -2n, -1n, -1n, -2n],
  [-16n, -2n, -2n, -2n, -2n, -1n, -1n, -2n],
  [-25n, -2n, -3n, -2n, -3n, -2n, -2n, -3n],
  [-55n, -6n, -6n, -5n, -6n, -5n, -5n, -6n],
])('rounds %s tenths', (tenths, ...expected) => {
  expect(columns.map((name) => ROUNDINGS[name](tenths, 10n))).toEqual(expected)
})

it('finds a mode by its exact name only', () => {
  expect(roundingByName('half-even')).toEqual({ ok: true, value: halfEven })
  expect(parseRoundingName('ceiling')).toEqual({ ok: true, value: 'ceiling' })
  for (const name of ['', 'HALF-EVEN', 'half_even', 'toString', '__proto__']) {
    expect(roundingByName(name)).toMatchObject({ ok: false, fault: { code: 'ROUNDING_UNKNOWN' } })
  }
})
