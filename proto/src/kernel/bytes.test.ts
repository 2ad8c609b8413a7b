import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { compareBytes, concat, equalBytes, fromBase64, fromHex, toBase64, toHex } from './bytes.ts'
import { unwrap } from './fault.ts'

const arrays = fc.uint8Array({ maxLength: 40 })

describe.each([
  ['hexadecimal', toHex, fromHex],
  ['base64', toBase64, fromBase64],
])('%s', (_name, write, read) => {
  it('text and bytes stand for each other', () => {
    fc.assert(
      fc.property(arrays, (bytes) => {
        expect([...unwrap(read(write(bytes)))]).toEqual([...bytes])
      }),
    )
  })

  it('a text with any character changed, added or removed never reads as the same bytes', () => {
    const edits = fc.record({
      bytes: fc.uint8Array({ minLength: 1, maxLength: 20 }),
      at: fc.nat(),
      removed: fc.integer({ min: 0, max: 2 }),
      added: fc.oneof(
        fc.string({ maxLength: 2 }),
        fc.base64String({ maxLength: 4 }),
        fc.constantFrom('=', '\n', 'A'),
      ),
    })
    fc.assert(
      fc.property(edits, ({ bytes, at, removed, added }) => {
        const text = write(bytes)
        const index = at % (text.length + 1)
        const edited = text.slice(0, index) + added + text.slice(index + removed)
        fc.pre(edited !== text)
        const result = read(edited)
        expect(result.ok && equalBytes(result.value, bytes)).toBe(false)
        if (result.ok) expect(write(result.value)).toBe(edited)
      }),
      { numRuns: 2000 },
    )
  })
})

it.each(['0', 'AB', '0x', 'gg', '00 ', 'a\n', '٠٠'])('refuses the hexadecimal %j', (text) => {
  expect(fromHex(text)).toMatchObject({ ok: false, fault: { code: 'FIELD_INVALID' } })
})

it.each([
  'A',
  'AA',
  'AA=',
  'AAA',
  'AB==',
  'AAB=',
  'AA==AA==',
  '====',
  '=',
  'A A=',
  'AAAA\n',
  '-_8=',
  'AAAA=',
])('refuses the base64 %j', (text) =>
  expect(fromBase64(text)).toMatchObject({ ok: false, fault: { code: 'FIELD_INVALID' } }),
)

// Source: RFC 4648 §10.
it.each([
  ['', ''],
  ['f', 'Zg=='],
  ['fo', 'Zm8='],
  ['foo', 'Zm9v'],
  ['foob', 'Zm9vYg=='],
  ['fooba', 'Zm9vYmE='],
  ['foobar', 'Zm9vYmFy'],
])('writes %j as %j', (text, encoded) => {
  expect(toBase64(new TextEncoder().encode(text))).toBe(encoded)
})

it('the order of bytes is that of their hexadecimal texts', () => {
  fc.assert(
    fc.property(arrays, arrays, (a, b) => {
      const [left, right] = [toHex(a), toHex(b)]
      expect(compareBytes(a, b)).toBe(left === right ? 0 : left < right ? -1 : 1)
      expect(equalBytes(a, b)).toBe(left === right)
      expect(equalBytes(a, Uint8Array.from(a))).toBe(true)
      expect(compareBytes(a, Uint8Array.from(a))).toBe(0)
    }),
  )
})

it('joins parts in order', () => {
  fc.assert(
    fc.property(fc.array(arrays, { maxLength: 6 }), (parts) => {
      expect(toHex(concat(parts))).toBe(parts.map(toHex).join(''))
    }),
  )
})
