import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { AMOUNT_SCALE, parseAmount } from './amount.ts'
import { isExactObject, parseExactJson } from './exact-json.ts'
import type { ExactValue } from './exact-json.ts'

function read(json: string): ExactValue {
  const value = unwrap(parseExactJson(Buffer.from(`{"n":${json}}`)))
  return isExactObject(value) ? value['n']! : null
}

describe('an amount', () => {
  it('is what was written, as a number or a text, whatever its size', () => {
    const parts = fc.bigInt({ min: 0n, max: 2n ** 64n * 10n ** 9n - 10n ** 9n })
    fc.assert(
      fc.property(parts, fc.boolean(), fc.integer({ min: -5, max: 5 }), (amount, isText, shift) => {
        const digits = amount.toString().padStart(AMOUNT_SCALE + 1, '0')
        const plain = `${digits.slice(0, -AMOUNT_SCALE)}.${digits.slice(-AMOUNT_SCALE)}`
        const [whole = '', fraction = ''] = plain.split('.')
        const moved = shift === 0 ? plain : `${BigInt(whole + fraction)}e${-AMOUNT_SCALE}`
        const json = isText ? `"${moved}"` : moved
        expect(parseAmount(read(json), '')).toEqual({ ok: true, value: amount })
      }),
    )
  })

  it.each([
    ['0', 0n],
    ['-0', 0n],
    ['0.0e-300', 0n],
    ['12', 12_000_000_000n],
    ['0.1', 100_000_000n],
    ['"0.000000001"', 1n],
    ['1e3', 1_000_000_000_000n],
    ['9007199254740993', 9_007_199_254_740_993_000_000_000n],
  ])('%s is exact', (json, parts) => {
    expect(parseAmount(read(json), '')).toEqual({ ok: true, value: parts })
  })

  it.each([
    ['-1', 'OUT_OF_RANGE'],
    ['-0.5', 'OUT_OF_RANGE'],
    ['18446744073709551616', 'OUT_OF_RANGE'],
    ['1e99', 'OUT_OF_RANGE'],
    ['0.0000000001', 'DECIMAL_INVALID'],
    ['1e-999', 'DECIMAL_INVALID'],
    ['"1,5"', 'DECIMAL_INVALID'],
    ['"NaN"', 'DECIMAL_INVALID'],
    ['""', 'DECIMAL_INVALID'],
    ['true', 'DECIMAL_INVALID'],
    ['[1]', 'DECIMAL_INVALID'],
  ])('%s is refused: %s', (json, code) => {
    expect(parseAmount(read(json), '/data/n')).toMatchObject({ fault: { code, pointer: '/data/n' } })
  })
})

describe('JSON', () => {
  it('keeps numbers as written wherever they stand, and texts that look like them', () => {
    const text = String.raw`{"a" :\n 1.50,"t":"T10:15:15.123Z, 1.5","l":[2, 1e2 ,12345678901234567],"n":{"m":-0}}`
    const value = JSON.stringify(unwrap(parseExactJson(Buffer.from(text.replace('\\n', '\n')))))
    expect(value).toBe(
      `{"a":{"text":"1.50"},"t":"T10:15:15.123Z, 1.5","l":[2,{"text":"1e2"},{"text":"12345678901234567"}],"n":{"m":{"text":"-0"}}}`,
    )
    expect(unwrap(parseExactJson(Buffer.from(' 0.1')))).toEqual({ text: '0.1' })
  })

  it.each([
    '{',
    '{"a":1,"a":2}',
    `${'['.repeat(65)}${']'.repeat(65)}`,
    `${'['.repeat(1e5)}1.5${']'.repeat(1e5)}`,
  ])('is refused where it is not strict', (text) => {
    expect(parseExactJson(Buffer.from(text))).toMatchObject({ fault: { code: 'BODY_MALFORMED' } })
  })
  it('is UTF-8', () => {
    expect(parseExactJson(Uint8Array.of(0x22, 0xff, 0x22))).toMatchObject({
      fault: { code: 'BODY_MALFORMED' },
    })
  })
})
