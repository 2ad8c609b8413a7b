import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { MINOR_UNITS, minorUnits, parseCurrency } from './currency.ts'
import type { CurrencyCode } from './currency.ts'
import { unwrap } from './fault.ts'
import {
  addMoney,
  formatAmount,
  majorAmount,
  money,
  negateMoney,
  parseAmount,
  roundToMoney,
  subtractMoney,
  sumMoney,
} from './money.ts'
import { rational } from './rational.ts'
import { ROUNDINGS, floor, halfEven, halfUp } from './rounding.ts'

const codes = fc.constantFrom(...Object.keys(MINOR_UNITS).map((code) => unwrap(parseCurrency(code))))
const minors = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n })
const amounts = fc.tuple(minors, codes).map(([minor, currency]) => money(minor, currency))

describe('laws', () => {
  it('text and amount stand for each other in every currency', () => {
    fc.assert(
      fc.property(amounts, (amount) => {
        expect(unwrap(parseAmount(formatAmount(amount), amount.currency))).toEqual(amount)
      }),
    )
  })

  it('an amount survives the way over exact major units in every rounding mode', () => {
    fc.assert(
      fc.property(amounts, fc.constantFrom(...Object.values(ROUNDINGS)), (amount, rounding) => {
        expect(roundToMoney(majorAmount(amount), amount.currency, rounding)).toEqual(amount)
      }),
    )
  })

  it('sums do not depend on order, and subtraction undoes addition', () => {
    fc.assert(
      fc.property(codes, fc.array(minors, { maxLength: 20 }), minors, (currency, all, one) => {
        const list = all.map((minor) => money(minor, currency))
        expect(sumMoney(list, currency)).toEqual(sumMoney(list.toReversed(), currency))
        const [sum, extra] = [sumMoney(list, currency), money(one, currency)]
        expect(subtractMoney(addMoney(sum, extra), extra)).toEqual(sum)
        expect(addMoney(extra, negateMoney(extra))).toEqual(money(0n, currency))
      }),
    )
  })

  it('never combines two currencies', () => {
    fc.assert(
      fc.property(amounts, amounts, (a, b) => {
        fc.pre(a.currency !== b.currency)
        expect(() => addMoney(a, b)).toThrow(TypeError)
        expect(() => subtractMoney(a, b)).toThrow(TypeError)
        expect(() => sumMoney([a, b], a.currency)).toThrow(TypeError)
      }),
    )
  })
})

// Source: ISO 4217 List One; these are the codes whose digits are not 2.
const unusualDigits: Readonly<Record<number, readonly string[]>> = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'.split(' '),
  3: 'BHD IQD JOD KWD LYD OMR TND'.split(' '),
  4: 'CLF UYW'.split(' '),
}

it.each([0, 3, 4])('exactly the known currencies have %i decimals', (digits) => {
  const found = Object.keys(MINOR_UNITS).filter((code) => minorUnits(unwrap(parseCurrency(code))) === digits)
  expect(found).toEqual(unusualDigits[digits])
})

it.each(['HUF', 'COP', 'IDR', 'EUR', 'USD', 'MGA', 'MRU'])('%s has two decimals', (code) => {
  expect(minorUnits(unwrap(parseCurrency(code)))).toBe(2)
})

it.each(['', 'eur', 'EURO', 'XAU', 'XDR', 'XXX', 'XTS', 'DEM', 'HRK', 'BGN', 'ANG', 'toString', ' EUR'])(
  'refuses the currency %j',
  (text) => expect(parseCurrency(text)).toMatchObject({ ok: false, fault: { code: 'CURRENCY_UNKNOWN' } }),
)

it.each<[string, CurrencyCode, string]>([
  ['12.345', 'EUR', 'AMOUNT_SCALE'],
  ['12.000', 'EUR', 'AMOUNT_SCALE'],
  ['1.0', 'JPY', 'AMOUNT_SCALE'],
  ['1.0000', 'KWD', 'AMOUNT_SCALE'],
  ['1e2', 'EUR', 'DECIMAL_INVALID'],
  ['-0.00', 'EUR', 'DECIMAL_INVALID'],
  ['12,30', 'EUR', 'DECIMAL_INVALID'],
  ['', 'EUR', 'DECIMAL_INVALID'],
])('refuses the amount %j in %s', (text, currency, code) => {
  expect(parseAmount(text, currency)).toMatchObject({ ok: false, fault: { code } })
})

it.each<[bigint, CurrencyCode, string]>([
  [1230n, 'EUR', '12.30'],
  [-5n, 'EUR', '-0.05'],
  [323n, 'JPY', '323'],
  [1n, 'KWD', '0.001'],
  [-12_345n, 'CLF', '-1.2345'],
  [0n, 'USD', '0.00'],
])('writes %s minor units of %s', (minor, currency, text) => {
  expect(formatAmount(money(minor, currency))).toBe(text)
})

it('reads fewer decimals than the currency has', () => {
  expect(unwrap(parseAmount('12.3', 'EUR'))).toEqual(money(1230n, 'EUR'))
  expect(unwrap(parseAmount('12', 'KWD'))).toEqual(money(12_000n, 'KWD'))
})

it('rounds at the minor unit of the currency', () => {
  expect(roundToMoney(rational(1n, 8n), 'EUR', halfEven)).toEqual(money(12n, 'EUR'))
  expect(roundToMoney(rational(1n, 8n), 'EUR', halfUp)).toEqual(money(13n, 'EUR'))
  expect(roundToMoney(rational(1n, 8n), 'KWD', floor)).toEqual(money(125n, 'KWD'))
  expect(roundToMoney(rational(1n, 2n), 'JPY', halfEven)).toEqual(money(0n, 'JPY'))
})
