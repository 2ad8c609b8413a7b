import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { ByteWriter, decodeVarints, decodeWords } from './varint.ts'

const OCTET = fc.oneof(fc.nat(255), fc.constantFrom(0x80, 0xff, 0x00, 0x01, 0x0f, 0x10))

it('words are the varints that fit 32 bits, whatever the bytes', () => {
  fc.assert(
    fc.property(fc.array(OCTET, { maxLength: 40 }), fc.nat(3), fc.nat(3), (octets, start, after) => {
      const bytes = Uint8Array.from([
        ...new Uint8Array(start).fill(0x80),
        ...octets,
        ...new Uint8Array(after).fill(1),
      ])
      const end = start + octets.length
      const pairs = new Uint32Array(100)
      const words = new Uint32Array(50)
      const wide = decodeVarints(bytes, start, end, pairs)
      const narrow = decodeWords(bytes, start, end, words)
      const values = wide < 0 ? [] : [...pairs.subarray(0, wide * 2)]
      if (wide < 0) expect(narrow).toBeLessThan(0)
      else if (values.some((word, index) => index % 2 === 1 && word !== 0)) expect(narrow).toBe(-2)
      else {
        expect(narrow).toBe(wide)
        expect([...words.subarray(0, narrow)]).toEqual(values.filter((_, index) => index % 2 === 0))
      }
    }),
    { numRuns: 20_000 },
  )
})

it('words come back as they were written', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2 ** 32 - 1)), (values) => {
      const writer = new ByteWriter()
      for (const value of values) writer.varint(value, 0)
      const bytes = writer.finish()
      const words = new Uint32Array(values.length)
      expect(decodeWords(bytes, 0, bytes.length, words)).toBe(values.length)
      expect([...words]).toEqual(values)
      if (values.length > 0) expect(decodeWords(bytes, 0, bytes.length, words.subarray(1))).toBe(-1)
    }),
  )
})
