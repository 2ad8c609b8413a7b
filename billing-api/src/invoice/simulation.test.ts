import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { money } from '@vouch/proto/kernel/money.ts'
import { rankCourses } from './simulation.ts'
import type { Course } from './simulation.ts'

const course = (id: string | undefined, ...minors: bigint[]): Course => ({
  tariff: id === undefined ? undefined : { id, version: 1 },
  totals: minors.map((minor) => money(minor, 'EUR')),
})

describe('rankCourses', () => {
  it('says which is cheaper, by how much, and how it varies', () => {
    const ranked = rankCourses([course(undefined, 100_00n, 200_00n), course('flat', 130_00n, 140_00n)], 'EUR')
    expect(
      ranked.map(({ rank, tariff, total, mean, variation }) => [
        rank,
        tariff?.id,
        total.minor,
        mean.minor,
        variation,
      ]),
    ).toEqual([
      [1, 'flat', 270_00n, 135_00n, '7.4'],
      [2, undefined, 300_00n, 150_00n, '66.7'],
    ])
    expect(ranked[0]?.reasons).toEqual([
      'cheapest in 1 of 2 periods',
      '30.00 EUR (10.0 %) below the present contracts',
      'its largest and smallest period differ by 7.4 % of the mean',
    ])
    expect(ranked[1]?.reasons).toEqual([
      'cheapest in 1 of 2 periods',
      'its largest and smallest period differ by 66.7 % of the mean',
    ])
  })

  it('has no per cent of nothing, and the present first among equals', () => {
    const ranked = rankCourses([course(undefined, 0n), course('free', 0n), course('paid', 1n)], 'EUR')
    expect(ranked.map(({ tariff, variation }) => [tariff?.id, variation])).toEqual([
      [undefined, undefined],
      ['free', undefined],
      ['paid', '0.0'],
    ])
    expect(ranked[1]?.reasons).toContain('as much as the present contracts')
    expect(ranked[2]?.reasons).toContain('0.01 EUR above the present contracts')
  })

  it('orders by total whatever the order of candidates', () => {
    const minors = fc.array(fc.bigInt({ min: -(10n ** 9n), max: 10n ** 9n }), { minLength: 3, maxLength: 3 })
    fc.assert(
      fc.property(fc.array(minors, { minLength: 1, maxLength: 6 }), (list) => {
        const ranked = rankCourses(
          list.map((own, index) => course(`${index}`, ...own)),
          'EUR',
        )
        const totals = ranked.map(({ total }) => total.minor)
        expect(totals).toEqual(totals.toSorted((a, b) => (a < b ? -1 : 1)))
      }),
    )
  })
})
