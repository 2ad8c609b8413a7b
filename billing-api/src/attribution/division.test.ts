import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { money } from '@vouch/proto/kernel/money.ts'
import { add, compare, equals, multiply, rational, ONE, ZERO } from '@vouch/proto/kernel/rational.ts'
import { divideLines, totalsOf } from './division.ts'
import type { DivisibleLine, DividedLine, Division } from './division.ts'
import type { Weights } from './usage-weights.ts'

const NAMES = [undefined, 'db', 'shop', 'web'] as const
const weight = fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 12n }), fc.bigInt({ min: 1n, max: 10n ** 6n }))
const weights = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...NAMES), weight), { selector: ([name]) => name, maxLength: 4 })
  .map((list): Weights => new Map(list.map(([name, [n, d]]) => [name, rational(n, d)])))
const minor = fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n })
const line = (lineId: string, amount: bigint, of?: Weights, rule = lineId): DivisibleLine => ({
  lineId,
  rule,
  amount: money(amount, 'EUR'),
  isUsage: of !== undefined,
  weights: of,
})
const usage = fc.tuple(minor, weights).map(([amount, of]) => line('u', amount, of))
const none = () => undefined
const sumOf = (parts: Division): bigint => parts.reduce((sum, { amount }) => sum + amount.minor, 0n)
const shown = (parts: Division): string[] =>
  parts.map(({ costCentre = '-', amount }) => `${costCentre} ${amount.minor}`)
const of = (...list: readonly (readonly [string | undefined, bigint])[]): Weights =>
  new Map(list.map(([name, n]) => [name, rational(n)]))

describe('a division', () => {
  it('sums to its line, for any weights and any sign, each part within a unit of its share', () => {
    fc.assert(
      fc.property(usage, minor, (used, fee) => {
        const lines = [used, line('f', fee)]
        const divided = divideLines(lines, [], none)
        for (const [index, parts] of divided.entries()) {
          const { amount } = lines[index]!
          if (parts.length === 0) continue
          expect(sumOf(parts)).toBe(amount.minor)
          expect(equals(parts.map(({ share }) => share!).reduce(add, ZERO), ONE)).toBe(true)
          for (const { amount: part, share } of parts) {
            const ideal = multiply(rational(amount.minor), share!)
            const off = add(rational(part.minor), { n: -ideal.n, d: ideal.d })
            expect(compare(off, ONE) < 0 && compare(off, rational(-1n)) > 0).toBe(true)
          }
        }
      }),
    )
  })

  it('of a correction and of what it corrects together is that of the whole', () => {
    fc.assert(
      fc.property(minor, minor, weights, weights, (billed, more, then, now) => {
        const [first] = divideLines([line('u', billed, then)], [], none)
        const before: DividedLine[] = [{ ...line('u', billed, then), parts: first! }]
        const [second] = divideLines([line('u', more, now)], before, none)
        const [whole] = divideLines([line('u', billed + more, now)], [], none)
        // Where the first was not divided, the second is divided by itself.
        if (first!.length === 0) return
        const totals = new Map<string | undefined, bigint>()
        for (const { costCentre, amount } of [...first!, ...second!])
          totals.set(costCentre, (totals.get(costCentre) ?? 0n) + amount.minor)
        const expected = whole!.length === 0 ? [`- ${billed + more}`] : shown(whole!)
        const both = [...totals].map(([costCentre = '-', amount]) => `${costCentre} ${amount}`)
        const isThere = (text: string): boolean => !text.endsWith(' 0')
        expect(new Set(both.filter(isThere))).toEqual(new Set(expected.filter(isThere)))
      }),
    )
  })

  it('is none where no cost centre is named, nothing was used, or there is no usage', () => {
    const fee = line('f', 100n)
    expect(divideLines([line('u', 100n, of([undefined, 1n])), fee], [], none)).toEqual([[], []])
    expect(divideLines([line('u', 100n, of(['web', 0n])), fee], [], none)).toEqual([[], []])
    expect(divideLines([fee], [], none)).toEqual([[]])
  })

  it('of a line without usage is that of usage, of the rules that it is about where it names some', () => {
    const lines = [
      line('cpu', 300n, of(['web', 2n], ['db', 1n])),
      line('net', 100n, of(['web', 1n])),
      line('free', 0n, of(['db', 1n])),
      line('other', 100n, of([undefined, 1n])),
      line('base', 1000n),
      line('rebate', -10n),
      line('least', 7n),
      line('of-fee', 100n),
    ]
    const rules: Record<string, string[]> = { rebate: ['cpu'], least: ['net', 'base'], 'of-fee': ['base'] }
    expect(divideLines(lines, [], (rule) => rules[rule]).map(shown)).toEqual([
      ['db 100', 'web 200'],
      ['web 100'],
      ['db 0'],
      [],
      // 100 as such, 100 of db and 300 of web.
      ['- 200', 'db 200', 'web 600'],
      ['db -3', 'web -7'],
      ['web 7'],
      ['- 20', 'db 20', 'web 60'],
    ])
  })

  it('leaves out of the proportion what comes to less than nothing', () => {
    const lines = [line('a', -50n, of(['web', 1n])), line('b', 50n, of(['db', 1n])), line('f', 9n)]
    expect(divideLines(lines, [], none).map(shown)[2]).toEqual(['db 9'])
  })

  it('of a correction takes off what was divided, gives back what is due no more, and moves a fee with the usage', () => {
    const before = [
      { ...line('u', 20n, of(['db', 1n], ['web', 1n])), parts: partList(['db', 10n], ['web', 10n]) },
      { ...line('gone', 6n, of(['web', 1n])), parts: partList(['web', 6n]) },
      { ...line('fee', 26n), parts: partList(['db', 10n], ['web', 16n]) },
      { ...line('old', 5n), parts: [] },
    ]
    const lines = [
      line('u', 10n, of(['db', 1n], ['web', 2n])),
      { ...line('gone', -6n), isUsage: true },
      line('fee', 4n),
      line('old', 3n),
    ]
    // Usage of 30 goes 10 to 20, which is web's late 10; the fee of 30 and what was never divided go with the usage.
    expect(divideLines(lines, before, none).map(shown)).toEqual([
      ['web 10'],
      ['web -6'],
      ['web 4'],
      ['db 1', 'web 2'],
    ])
  })
})

function partList(...list: readonly (readonly [string, bigint])[]) {
  return list.map(([costCentre, amount]) => ({ costCentre, amount: money(amount, 'EUR') }))
}

describe('totals', () => {
  it('sum to the lines, and are none where nothing is divided', () => {
    const whole = { amount: money(40n, 'EUR'), parts: [] }
    const [web] = divideLines([line('u', -15n, of(['web', 1n], ['db', 2n]))], [], none)
    const split = { amount: money(-15n, 'EUR'), parts: web! }
    expect(totalsOf([whole, whole])).toEqual([])
    expect(
      totalsOf([whole, split]).map(({ costCentre = '-', amount }) => `${costCentre} ${amount.minor}`),
    ).toEqual(['- 40', 'db -10', 'web -5'])
    expect(totalsOf([split]).map(({ costCentre }) => costCentre)).toEqual(['db', 'web'])
  })
})
