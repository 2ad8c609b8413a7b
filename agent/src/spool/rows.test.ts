import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { rowSum } from './rows.ts'

/** As sums have been since there are any: what older agents wrote must be found whole. */
function plain(values: readonly (Uint8Array | string | number | bigint)[]): Buffer {
  const parts = values.map((value) => (value instanceof Uint8Array ? value.toHex() : String(value)))
  return createHash('sha256')
    .update(parts.map((part) => `${part.length}:${part}`).join())
    .digest()
}

it('is of the lengths and texts of all values, however long', () => {
  const long = fc
    .tuple(fc.nat(255), fc.nat(20_000))
    .map(([octet, length]) => new Uint8Array(length).fill(octet))
  const value = fc.oneof(fc.uint8Array(), long, fc.string({ unit: 'grapheme' }), fc.nat(), fc.bigInt())
  fc.assert(
    fc.property(fc.array(value, { maxLength: 6 }), (values) => {
      expect(Buffer.from(rowSum(...values)).toString('hex')).toBe(plain(values).toString('hex'))
    }),
  )
})
