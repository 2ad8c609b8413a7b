import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { allocate, allocateCumulative } from './allocation.ts'

const totals = fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n })
const weightLists = fc
  .array(fc.oneof(fc.bigInt({ min: 0n, max: 5n }), fc.bigInt({ min: 0n, max: 10n ** 20n })), {
    minLength: 1,
    maxLength: 12,
  })
  .filter((weights) => weights.some((weight) => weight > 0n))

function sum(values: readonly bigint[]): bigint {
  return values.reduce((total, value) => total + value, 0n)
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value
}

describe.each([
  ['largest remainder', allocate],
  ['cumulative', allocateCumulative],
])('%s', (_name, split) => {
  it('sums to the total, share by share within one of the ideal', () => {
    fc.assert(
      fc.property(totals, weightLists, (total, weights) => {
        const shares = split(total, weights)
        const whole = sum(weights)
        expect(sum(shares)).toBe(total)
        expect(shares).toHaveLength(weights.length)
        shares.forEach((share, index) => {
          expect(magnitude(share * whole - total * (weights[index] ?? 0n)) <= whole).toBe(true)
        })
      }),
    )
  })

  it('mirrors negative totals, gives nothing to weight zero and never the wrong sign', () => {
    fc.assert(
      fc.property(totals, weightLists, (total, weights) => {
        const shares = split(total, weights)
        expect(split(-total, weights)).toEqual(shares.map((share) => -share))
        expect(shares.every((share) => share === 0n || share > 0n === total > 0n)).toBe(true)
        expect(shares.every((share, index) => weights[index] !== 0n || share === 0n)).toBe(true)
      }),
    )
  })

  it('does not depend on the scale of the weights', () => {
    fc.assert(
      fc.property(totals, weightLists, fc.bigInt({ min: 1n, max: 1000n }), (total, weights, factor) => {
        const scaled = weights.map((weight) => weight * factor)
        expect(split(total, scaled)).toEqual(split(total, weights))
      }),
    )
  })

  it.each([[[]], [[0n]], [[0n, 0n]], [[1n, -1n]], [[-1n]], [[5n, -1n]]])(
    'throws on the weights [%s]',
    (weights) => {
      expect(() => split(10n, weights)).toThrow(RangeError)
    },
  )
})

it('largest remainder lets the order of the weights decide only between equal remainders', () => {
  const rotated = fc.tuple(totals, weightLists, fc.nat(12))
  fc.assert(
    fc.property(rotated, ([total, weights, turn]) => {
      const whole = sum(weights)
      const portions = (order: readonly bigint[]): string[] =>
        allocate(total, order)
          .map((share, index) => {
            const ideal = magnitude(total) * (order[index] ?? 0n)
            return `${ideal % whole}: ${magnitude(share) - ideal / whole}`
          })
          .toSorted()
      const at = turn % weights.length
      expect(portions([...weights.slice(at), ...weights.slice(0, at)])).toEqual(portions(weights))
    }),
    // Weights 7 and 3 of ten leave the same remainder of a total that ends in 5.
    { examples: [[[-5n, [7n, 3n, 0n], 1]]] },
  )
})

it('largest remainder gives equal weights shares at most one apart, the earlier not the smaller', () => {
  fc.assert(
    fc.property(totals, weightLists, (total, weights) => {
      const shares = allocate(total, weights).map(magnitude)
      weights.forEach((weight, index) => {
        const later = weights.indexOf(weight, index + 1)
        if (later === -1) return
        const apart = (shares[index] ?? 0n) - (shares[later] ?? 0n)
        expect(apart === 0n || apart === 1n).toBe(true)
      })
    }),
  )
})

it('cumulative shares of a prefix do not depend on how the rest is split', () => {
  fc.assert(
    fc.property(totals, weightLists, weightLists, (total, head, tail) => {
      const split = allocateCumulative(total, [...head, ...tail]).slice(0, head.length)
      expect(allocateCumulative(total, [...head, sum(tail)]).slice(0, head.length)).toEqual(split)
    }),
  )
})

it.each<[bigint, bigint[], bigint[], bigint[]]>([
  [10_000n, [1n, 1n, 1n], [3334n, 3333n, 3333n], [3333n, 3334n, 3333n]],
  [-10_000n, [1n, 1n, 1n], [-3334n, -3333n, -3333n], [-3333n, -3334n, -3333n]],
  [5n, [3n, 7n], [2n, 3n], [2n, 3n]],
  [1n, [1n, 1n], [1n, 0n], [1n, 0n]],
  [0n, [2n, 3n], [0n, 0n], [0n, 0n]],
  [7n, [0n, 1n, 0n], [0n, 7n, 0n], [0n, 7n, 0n]],
])('splits %s by %s', (total, weights, byRemainder, cumulative) => {
  expect(allocate(total, weights)).toEqual(byRemainder)
  expect(allocateCumulative(total, weights)).toEqual(cumulative)
})
