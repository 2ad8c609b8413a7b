import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { minorUnits } from '@vouch/proto/kernel/currency.ts'
import { add, compare, equals, rational, sign } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { parseFraction } from '@vouch/proto/kernel/rational.ts'
import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { priceOf } from '../tariff/model.ts'
import type { Model } from '../tariff/model.ts'
import { MARCH, ask, per, select, tiers, units, use } from '../testing/quotes.ts'
import { quoteAnswer } from './print.ts'

const thousandths = fc.bigInt({ min: 0n, max: 10n ** 9n }).map((n) => rational(n, 1000n))
const price = fc.bigInt({ min: 0n, max: 10n ** 6n }).map((n) => rational(n, 10_000n))

/** Tiers with one to five edges. */
const tiersOf = fc
  .tuple(
    fc.uniqueArray(fc.bigInt({ min: 1n, max: 10n ** 6n }), { minLength: 1, maxLength: 5 }),
    fc.array(fc.tuple(price, price), { minLength: 6, maxLength: 6 }),
    fc.constantFrom('inclusive', 'exclusive'),
    fc.constantFrom('charged', 'free'),
  )
  .map(([edges, prices, edge, zero]) => {
    const ends = [...edges.toSorted((a, b) => (a < b ? -1 : 1)).map((n) => rational(n)), undefined]
    const rows = ends.map((upTo, index) => {
      const [unitPrice, flat] = prices[index]!
      return { upTo, unitPrice, flat, percent: rational(0n) }
    })
    return { tiers: rows, edge, zero } as const
  })
const graduatedModel = tiersOf.map((tiered): Model => ({ model: 'graduated', ...tiered }))
const packageModel = fc
  .tuple(fc.bigInt({ min: 1n, max: 1000n }), price, fc.constantFrom('ceiling', 'floor', 'half-up'))
  .map(([size, cost, rounding]): Model => ({ model: 'package', size: rational(size), price: cost, rounding }))
const unitModel = price.map((unitPrice): Model => ({ model: 'per-unit', unitPrice }))
const rising = fc.oneof(graduatedModel, packageModel, unitModel)
const any = fc.oneof(
  rising,
  tiersOf.map((tiered): Model => ({ model: 'volume', ...tiered })),
  tiersOf.map((tiered): Model => ({ model: 'stairstep', ...tiered })),
)
const amountOf = (model: Model, quantity: Rational, before?: Rational): Rational =>
  priceOf(model, { quantity, items: [], before }).amount

describe('models', () => {
  test('graduated, package and per-unit prices never fall as the quantity rises', () => {
    fc.assert(
      fc.property(rising, thousandths, thousandths, (model, quantity, more) => {
        expect(compare(amountOf(model, add(quantity, more)), amountOf(model, quantity))).not.toBe(-1)
      }),
    )
  })

  test('what is billed in parts that continue is what is billed at once', () => {
    fc.assert(
      fc.property(any, thousandths, thousandths, (model, first, second) => {
        const parts = add(amountOf(model, first), amountOf(model, second, first))
        expect(equals(parts, amountOf(model, add(first, second)))).toBe(true)
      }),
    )
  })
})

const amount = fc.bigInt({ min: 0n, max: 10n ** 8n }).map((n) => {
  const digits = `${n}`.padStart(5, '0')
  return `${digits.slice(0, -4)}.${digits.slice(-4)}`
})
const exactOf = (text: string): Rational => {
  const parsed = parseDecimal(text)
  return parsed.ok ? parsed.value : unwrap(parseFraction(text))
}
const sumOf = (lines: readonly { readonly exact: string }[]): Rational =>
  lines.reduce((sum, { exact }) => add(sum, exactOf(exact)), rational(0n))
const [FROM, TO] = [Date.UTC(2026, 2, 1), Date.UTC(2026, 3, 1)]
const instant = fc.integer({ min: FROM + 1, max: TO - 1 })
const text = (ms: number): string => new Date(ms).toISOString()
const span = (from: number, to: number): object => ({ from: text(from), to: text(to) })

describe('contracts', () => {
  test('two prices that are equal are one, wherever they meet', () => {
    fc.assert(
      fc.property(amount, amount, instant, (quantity, unitPrice, cut) => {
        const once = ask({ rules: [use(per(unitPrice))], usage: [units(quantity)] })
        const rules = [
          use(per(unitPrice), { effective: span(FROM, cut) }),
          { ...use(per(unitPrice), { effective: span(cut, TO) }), id: 'then' },
        ]
        const twice = ask({ rules, usage: [units(quantity)] })
        expect(equals(sumOf(twice.lines), sumOf(once.lines))).toBe(true)
      }),
    )
  })

  test('windows of equal prices are one price', () => {
    const zones = fc.constantFrom('Europe/Berlin', 'America/New_York', 'UTC', 'Australia/Lord_Howe')
    fc.assert(
      fc.property(amount, zones, fc.tuple(instant, instant), (quantity, zone, [a, b]) => {
        const period = span(Math.min(a, b), Math.max(a, b) + 1)
        const calendar = {
          model: 'calendar',
          windows: [{ name: 'night', from: '22:00', to: '06:00' }],
          prices: { night: per('0.07') },
          otherwise: per('0.07'),
        }
        const usage = [units(quantity, { period })]
        const cut = ask({ zone, rules: [use(calendar)], usage })
        expect(equals(sumOf(cut.lines), sumOf(ask({ rules: [use(per('0.07'))], usage }).lines))).toBe(true)
      }),
      { numRuns: 50 },
    )
  })

  test('the order of usage changes nothing, and an answer is the same every time', () => {
    const entries = fc.array(fc.tuple(amount, fc.constantFrom('a', 'b', 'c')), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(entries, (list) => {
        const rules = [
          use(per('0.013'), { per: 'resource', rounding: { mode: 'ceiling', scale: 1, at: 'entry' } }),
        ]
        const usage = list.map(([quantity, resource]) => units(quantity, { resource }))
        const [forward, backward] = [ask({ rules, usage }), ask({ rules, usage: usage.toReversed() })]
        expect(backward.total).toBe(forward.total)
        const document = JSON.stringify({ currency: 'EUR', period: span(FROM, TO), rules, usage })
        expect(quoteAnswer(document)).toEqual(quoteAnswer(document))
      }),
    )
  })

  test('a minimum and a maximum hold, and no discount gives money back', () => {
    fc.assert(
      fc.property(amount, amount, amount, fc.integer({ min: 0, max: 100 }), (quantity, a, b, percent) => {
        const [least, most] = [a, b].toSorted((x, y) => compare(exactOf(x), exactOf(y)))
        const rules = [
          use(per('0.5')),
          { kind: 'discount', id: 'share', percent: `${percent}` },
          { kind: 'discount', id: 'fixed', amount: '17.5' },
        ]
        const usage = [units(quantity)]
        expect(sign(exactOf(ask({ rules, usage }).total))).not.toBe(-1)
        const bounds = [
          { kind: 'minimum', id: 'least', amount: least },
          { kind: 'maximum', id: 'most', amount: most },
        ]
        const bounded = sumOf(
          ask({ rules: [...rules, ...bounds], rounding: { stage: 'document' }, usage }).lines,
        )
        expect(compare(bounded, exactOf(least!))).not.toBe(-1)
        expect(compare(bounded, exactOf(most!))).not.toBe(1)
      }),
    )
  })

  test('grants are used up to what is due, and what is used and left is what was granted', () => {
    const grants = fc.array(fc.tuple(fc.bigInt({ min: 0n, max: 10_000n }), fc.nat(3)), {
      minLength: 1,
      maxLength: 5,
    })
    fc.assert(
      fc.property(amount, grants, fc.constantFrom('line', 'document'), (quantity, list, stage) => {
        const credit = {
          kind: 'credit',
          id: 'wallet',
          grants: list.map(([euros, priority], index) => ({ id: `g${index}`, amount: `${euros}`, priority })),
        }
        const rules = [use(per('1')), credit]
        const { total, balances = [] } = ask({ rules, rounding: { stage }, usage: [units(quantity)] })
        const granted = list.reduce((sum, [euros]) => sum + euros, 0n)
        const kept = balances.reduce(
          (sum, { used, left }) => add(sum, add(exactOf(used), exactOf(left))),
          rational(0n),
        )
        expect(equals(kept, rational(granted))).toBe(true)
        expect(sign(exactOf(total))).not.toBe(-1)
        const isUsedUp = balances.every(({ left }) => left === '0.00')
        expect(isUsedUp || total === '0.00').toBe(true)
      }),
    )
  })

  test('every currency is rounded to its own decimals; a rounded document to the nearest of the exact sum', () => {
    const currency = fc.constantFrom('JPY', 'EUR', 'KWD', 'CLF')
    fc.assert(
      fc.property(currency, fc.array(amount, { minLength: 1, maxLength: 5 }), (code, fees) => {
        const rules = fees.map((each, index) => ({ kind: 'fee', id: `f${index}`, amount: each }))
        const { total, lines } = ask({ currency: code, rules, rounding: { stage: 'document' } })
        expect(total.split('.')[1]?.length ?? 0).toBe(minorUnits(code))
        const rest = add(exactOf(total), { n: -sumOf(lines).n, d: sumOf(lines).d })
        const half = rational(1n, 2n * 10n ** BigInt(minorUnits(code)))
        expect(compare(rest, half)).not.toBe(1)
        expect(compare({ n: -rest.n, d: rest.d }, half)).not.toBe(1)
      }),
    )
  })
})

test('what no rule prices is reported', () => {
  const usage = [
    units('1'),
    { meter: 'app.other', quantity: '1' },
    units('1', { dimensions: { class: 'x' } }),
  ]
  const rows = [{ when: { class: 'y' }, price: per('1') }]
  expect(ask({ rules: [use(per('1'))], usage }).unpriced).toEqual([
    { pointer: '/usage/1', meter: 'app.other', periods: [MARCH] },
  ])
  const hole = { from: '2026-03-11T00:00:00Z', to: '2026-03-21T00:00:00Z' }
  const rules = [
    use(per('1'), { effective: { from: MARCH.from, to: hole.from } }),
    { ...use(per('1'), { effective: { from: hole.to, to: MARCH.to } }), id: 'later' },
  ]
  expect(ask({ rules, usage: [units('31')] })).toMatchObject({
    total: '21.00',
    unpriced: [{ pointer: '/usage/0', periods: [hole] }],
  })
  expect(ask({ rules: [use({ model: 'matrix', rows })], usage }).unpriced).toHaveLength(3)
  expect(
    ask({ rules: [use(per('1'), { select: { ...select, dimensions: { class: 'x' } } })], usage }).unpriced,
  ).toHaveLength(2)
})

test('usage that comes late goes on in the tiers; a price that is not in force charges nothing for nothing', () => {
  const model = tiers('graduated', [
    ['10', '1', '5'],
    ['', '0.5'],
  ])
  const february = { from: '2026-02-01T00:00:00Z', to: MARCH.from }
  const usage = [units('4', { period: february }), units('8')]
  expect(ask({ rules: [use(model)], usage }).lines).toMatchObject([
    { kind: 'late-usage', quantity: '4', amount: '3.00' },
    { kind: 'usage', quantity: '8', amount: '13.00' },
  ])
  expect(ask({ rules: [use(model, { late: 'rejected' })], usage })).toMatchObject({
    total: '13.00',
    unpriced: [{ pointer: '/usage/0' }],
  })
  expect(ask({ rules: [use(model, { effective: february })] }).lines).toEqual([])
  expect(ask({ rules: [use(model)] }).total).toBe('5.00')
})
