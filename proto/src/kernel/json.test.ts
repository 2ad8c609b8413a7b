import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { unwrap } from './fault.ts'
import { canonicalJson, isJsonObject, parseJson } from './json.ts'
import type { JsonValue } from './json.ts'

const { value: values } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    fc.string({ unit: 'grapheme' }).filter((text) => text.isWellFormed()),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      fc.string({ unit: 'grapheme', maxLength: 6 }).filter((key) => key.isWellFormed()),
      tie('value'),
      { maxKeys: 5, noNullPrototype: true },
    ),
  ),
}))

/** The same value with its keys in another order. */
function reordered(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(reordered)
  if (!isJsonObject(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, member]) => [key, reordered(member)]),
  )
}

describe('laws', () => {
  it('the canonical text reads back to itself', () => {
    fc.assert(
      fc.property(values, (value) => {
        const text = canonicalJson(value)
        expect(canonicalJson(unwrap(parseJson(text)))).toBe(text)
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('the order of keys and white space do not matter', () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(canonicalJson(reordered(value))).toBe(canonicalJson(value))
        expect(canonicalJson(unwrap(parseJson(JSON.stringify(value, null, 2))))).toBe(canonicalJson(value))
      }),
    )
  })
})

it.each([
  '',
  '{',
  '{"a":1,}',
  "{'a':1}",
  'NaN',
  'undefined',
  '01',
  '[1]x',
  '\u00a01',
  '{"a":1,"a":1}',
  '{"a":1,"\\u0061":2}',
  '[{"b":{"a":[],"a":0}}]',
  '{"a":{},"b":[{"a":1}],"a":2}',
  '0.5',
  '1e400',
  '-1.25e-3',
  '9007199254740993',
  '{"amount":12.30}',
  '"\\ud800"',
  '{"\\udc00":1}',
  `${'['.repeat(65)}${']'.repeat(65)}`,
  `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
])('refuses %.40j', (text) => {
  expect(parseJson(text)).toMatchObject({ ok: false, fault: { code: 'BODY_MALFORMED' } })
})

it.each<[string, JsonValue]>([
  ['{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}', { a: { a: { a: 1 } }, b: [{ a: 1 }, { a: 2 }] }],
  ['{"a":"a","b":"{\\"a\\":1,\\"a\\":2}"}', { a: 'a', b: '{"a":1,"a":2}' }],
  ['["a","a",":","\\\\"]', ['a', 'a', ':', '\\']],
  [' 9007199254740991 ', 9_007_199_254_740_991],
  ['"€𝄞"', '€𝄞'],
])('reads %s', (text, value) => {
  expect(parseJson(text)).toEqual({ ok: true, value })
})

it('reads a long string and a key that objects inherit', () => {
  const text = JSON.stringify({ long: 'x\\"'.repeat(1_000_000), constructor: 1 })
  expect(canonicalJson(unwrap(parseJson(text))).length).toBe(text.length)
  expect(canonicalJson(unwrap(parseJson('{"__proto__":{"a":1}}')))).toBe('{"__proto__":{"a":1}}')
})

it('throws on what has no canonical text', () => {
  for (const value of [0.5, Number.NaN, Infinity, 2 ** 53, '\ud800', { '\udfff': 1 }, [[1.5]]]) {
    expect(() => canonicalJson(value)).toThrow(TypeError)
  }
})

// Source: RFC 8785 §3.2.3, the order of its sample keys.
it('sorts keys by UTF-16 code unit', () => {
  const keys = ['€', '\r', '\ufb33', '1', '😀', '\u0080', 'ö']
  const text = canonicalJson(Object.fromEntries(keys.map((key) => [key, 0])))
  expect(Object.keys(JSON.parse(text))).toEqual(['1', '\r', '\u0080', 'ö', '€', '😀', '\ufb33'])
  expect(text).toBe('{"\\r":0,"1":0,"\u0080":0,"ö":0,"€":0,"😀":0,"\ufb33":0}')
})
