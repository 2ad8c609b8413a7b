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

it('largest remainder gives equal weights the same shares wherever they stand', () => {
  const rotated = fc.tuple(totals, weightLists, fc.nat(12))
  fc.assert(
    fc.property(rotated, ([total, weights, turn]) => {
      const at = turn % weights.length
      const shares = allocate(total, weights)
      const turned = allocate(total, [...weights.slice(at), ...weights.slice(0, at)])
      expect(turned.toSorted(ascending)).toEqual(shares.toSorted(ascending))
      for (const weight of weights) {
        const pick = (list: readonly bigint[], of: readonly bigint[]): bigint[] =>
          list.filter((_, index) => of[index] === weight).toSorted(ascending)
        expect(new Set(pick(shares, weights)).size).toBeLessThanOrEqual(2)
      }
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

function ascending(a: bigint, b: bigint): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
