import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { formatDecimal, formatExact, isTerminating, parseDecimal } from './decimal.ts'
import { unwrap } from './fault.ts'
import { absolute, compare, rational, subtract } from './rational.ts'
import { ROUNDINGS, halfEven, halfUp } from './rounding.ts'

const scales = fc.integer({ min: 0, max: 12 })
const integers = fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n })

describe('laws', () => {
  it('a decimal that is written reads back as itself, in whatever mode', () => {
    fc.assert(
      fc.property(
        integers,
        scales,
        fc.constantFrom(...Object.values(ROUNDINGS)),
        (units, scale, rounding) => {
          const value = rational(units, 10n ** BigInt(scale))
          expect(unwrap(parseDecimal(formatDecimal(value, scale, rounding)))).toEqual(value)
        },
      ),
    )
  })

  it('a text that reads is what is written at its own scale', () => {
    const texts = fc
      .tuple(integers, fc.stringMatching(/^[0-9]{1,12}$/))
      .map(([whole, decimals]) => `${whole}.${decimals}`)
    fc.assert(
      fc.property(texts, (text) => {
        const scale = text.length - text.indexOf('.') - 1
        expect(formatDecimal(unwrap(parseDecimal(text)), scale, halfEven)).toBe(text)
      }),
    )
  })

  it('the exact decimal is exact and the shortest', () => {
    fc.assert(
      fc.property(integers, scales, (units, scale) => {
        const value = rational(units, 10n ** BigInt(scale))
        const text = formatExact(value) ?? ''
        expect(unwrap(parseDecimal(text))).toEqual(value)
        expect(text).not.toMatch(/\.\d*0$/)
      }),
    )
  })

  it('a denominator with another prime than 2 and 5 has no exact decimal', () => {
    fc.assert(
      fc.property(integers, fc.constantFrom(3n, 7n, 11n, 1_000_003n), scales, (n, prime, scale) => {
        const value = rational(n * prime + 1n, prime * 10n ** BigInt(scale))
        expect(formatExact(value)).toBeUndefined()
        expect(isTerminating(value)).toBe(false)
      }),
    )
  })

  it('a fixed scale is within one unit of its last place', () => {
    fc.assert(
      fc.property(integers, fc.bigInt({ min: 1n, max: 999n }), scales, (n, d, scale) => {
        const value = rational(n, d)
        const error = absolute(subtract(unwrap(parseDecimal(formatDecimal(value, scale, halfUp))), value))
        expect(compare(error, rational(1n, 2n * 10n ** BigInt(scale)))).toBeLessThanOrEqual(0)
      }),
    )
  })
})

describe('faults', () => {
  it.each([
    '',
    '-',
    '.',
    '1.',
    '.5',
    '+1',
    '01',
    '00',
    '-0',
    '-0.00',
    '1e3',
    '1E3',
    '1,5',
    '1 000',
    ' 1',
    '1 ',
    '1\n',
    '--1',
    '0x1',
    'NaN',
    'Infinity',
    '١',
    '1.2.3',
    '1_000',
    `1.${'0'.repeat(31)}`,
    '9'.repeat(61),
    '9'.repeat(100_000),
  ])('refuses %j', (text) => {
    expect(parseDecimal(text)).toMatchObject({ ok: false, fault: { code: 'DECIMAL_INVALID' } })
  })

  it('keeps to the bounds given', () => {
    expect(parseDecimal('1.23', { maxScale: 2, maxDigits: 3 }).ok).toBe(true)
    expect(parseDecimal('1.234', { maxScale: 2 }).ok).toBe(false)
    expect(parseDecimal('12.34', { maxDigits: 3 }).ok).toBe(false)
    expect(parseDecimal('-9.9', { maxDigits: 2 }).ok).toBe(true)
    expect(parseDecimal('9999', { maxDigits: 2 }).ok).toBe(false)
  })
})

it.each([
  [1n, 3n, 2, '0.33'],
  [-1n, 3n, 2, '-0.33'],
  [-1n, 1000n, 2, '0.00'],
  [5n, 1000n, 2, '0.00'],
  [15n, 1000n, 2, '0.02'],
  [123n, 1n, 0, '123'],
  [-1n, 2n, 1, '-0.5'],
])('writes %s/%s at scale %s', (n, d, scale, text) => {
  expect(formatDecimal(rational(n, d), scale, halfEven)).toBe(text)
})

it.each([
  [1n, 8n, '0.125'],
  [-7n, 2n, '-3.5'],
  [100n, 1n, '100'],
  [0n, 1n, '0'],
])('writes %s/%s exactly', (n, d, text) => {
  expect(formatExact(rational(n, d))).toBe(text)
})
