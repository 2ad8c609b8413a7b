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
      'no more than the present contracts in all from period 2 on',
      'its largest and smallest period differ by 7.4 % of the mean',
    ])
    expect(ranked[1]?.reasons).toEqual([
      'cheapest in 1 of 2 periods',
      'its largest and smallest period differ by 66.7 % of the mean',
    ])
  })

  it.each<[string, bigint[], number | undefined]>([
    ['never above', [1n, 1n, 1n], 1],
    ['as much from the first on', [2n, 2n, 2n], 1],
    ['above once, made up for later', [3n, 1n, 2n], 2],
    ['a set-up that is earned at last', [5n, 1n, 0n], 3],
    ['below, and above in the end', [1n, 1n, 3n], 1],
    ['below, and then above in all', [1n, 5n, 5n], undefined],
    ['above, below and above again', [3n, 0n, 4n], undefined],
  ])('breaks even: %s', (_, totals, period) => {
    const ranked = rankCourses([course(undefined, 2n, 2n, 2n), course('other', ...totals)], 'EUR')
    expect(ranked.find(({ tariff }) => tariff !== undefined)?.breakEven).toBe(period)
    expect(ranked.find(({ tariff }) => tariff === undefined)?.breakEven).toBeUndefined()
    const text = `no more than the present contracts in all from period ${period} on`
    expect(ranked.some(({ reasons }) => reasons.includes(text))).toBe(period !== undefined && period > 1)
  })

  it('says what the cost leaves', () => {
    const costs = [money(40_00n, 'EUR'), money(50_00n, 'EUR')]
    const courses = [course(undefined, 100_00n, 50_00n), course('low', 80_00n, 0n), course('free', 0n, 0n)]
    const ranked = rankCourses(courses, 'EUR', costs)
    expect(ranked.map(({ margin }) => [margin?.amount.minor, margin?.percent])).toEqual([
      [-90_00n, undefined],
      [-10_00n, '-12.5'],
      [60_00n, '40.0'],
    ])
    expect(ranked.map(({ reasons }) => reasons.at(-2))).toContain(
      'leaves 60.00 EUR (40.0 %) when its cost is paid',
    )
    expect(rankCourses(courses, 'EUR')[0]?.margin).toBeUndefined()
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
