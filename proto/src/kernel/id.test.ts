import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { unwrap } from './fault.ts'
import {
  escapeSegment,
  isSameOrDescendant,
  isUuid,
  parseResourceId,
  uuidFromBytes,
  uuidToBytes,
  uuidV7,
} from './id.ts'

const times = fc.integer({ min: 0, max: 2 ** 48 - 1 })
const randoms = fc.uint8Array({ minLength: 10, maxLength: 16 })
const segments = fc.stringMatching(/^[A-Za-z0-9._:@+%-]{1,12}$/)
const resources = fc.array(segments, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'))

describe('UUIDs', () => {
  it('text and bytes stand for each other', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        expect([...unwrap(uuidToBytes(uuidFromBytes(bytes)))]).toEqual([...bytes])
      }),
    )
  })

  it('version 7 carries version, variant and time, and sorts by time', () => {
    fc.assert(
      fc.property(times, times, randoms, randoms, (a, b, first, second) => {
        const [earlier, later] = [uuidV7(Math.min(a, b), first), uuidV7(Math.max(a, b), second)]
        expect(earlier).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
        expect(Number.parseInt(earlier.replaceAll('-', '').slice(0, 12), 16)).toBe(Math.min(a, b))
        if (a !== b) expect(earlier < later).toBe(true)
      }),
    )
  })

  it('keeps every random bit that the format leaves', () => {
    fc.assert(
      fc.property(times, fc.nat(73), (now, bit) => {
        // Bits 0-3 of byte 0 hold the version and bits 0-1 of byte 2 the variant.
        const place = bit < 12 ? 4 + bit : 6 + bit
        const flipped = new Uint8Array(10)
        flipped[place >> 3] = 0x80 >> (place & 7)
        expect(uuidV7(now, flipped)).not.toBe(uuidV7(now, new Uint8Array(10)))
      }),
    )
  })

  // Source: RFC 9562 appendix A.6.
  it('makes the published example', () => {
    const random = Uint8Array.fromHex('0cc318c4dc0c0c07398f')
    expect(uuidV7(0x017f22e279b0, random)).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f')
  })

  it.each([
    '',
    '017f22e2-79b0-7cc3-98c4-dc0c0c07398',
    '017F22E2-79B0-7CC3-98C4-DC0C0C07398F',
    '017f22e279b07cc398c4dc0c0c07398f',
    '{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}',
    '017f22e2-79b0-7cc3-98c4-dc0c0c07398g',
    '017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n',
  ])('refuses %j', (text) => {
    expect(isUuid(text)).toBe(false)
    expect(uuidToBytes(text)).toMatchObject({ ok: false, fault: { code: 'FIELD_INVALID' } })
  })

  it('throws on a time or randomness that does not fit', () => {
    for (const now of [-1, 0.5, 2 ** 48, Number.NaN])
      expect(() => uuidV7(now, new Uint8Array(10))).toThrow(RangeError)
    expect(() => uuidV7(0, new Uint8Array(9))).toThrow(RangeError)
    expect(() => uuidFromBytes(new Uint8Array(15))).toThrow(RangeError)
  })
})

describe('resource ids', () => {
  it('are accepted as written', () => {
    fc.assert(
      fc.property(resources, (resource) => {
        expect(unwrap(parseResourceId(resource))).toBe(resource)
      }),
    )
  })

  it('descent goes by whole segments', () => {
    fc.assert(
      fc.property(resources, segments, (resource, segment) => {
        expect(isSameOrDescendant(resource, resource)).toBe(true)
        expect(isSameOrDescendant(`${resource}/${segment}`, resource)).toBe(true)
        expect(isSameOrDescendant(resource, `${resource}/${segment}`)).toBe(false)
        expect(isSameOrDescendant(`${resource}${segment}`, resource)).toBe(false)
      }),
    )
  })

  it('any text becomes one segment, and decoding gives it back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }), (text) => {
        fc.pre(text.isWellFormed())
        const segment = escapeSegment(text)
        expect(segment).toMatch(/^[A-Za-z0-9._:@+%-]+$/)
        expect(decodeURIComponent(segment)).toBe(text)
      }),
    )
  })

  it.each(['', '/', 'a/', '/a', 'a//b', 'a b', 'a?b', 'ä', 'a\n', 'a\u0000', 'a'.repeat(201)])(
    'refuses %j',
    (text) => {
      expect(parseResourceId(text)).toMatchObject({ ok: false, fault: { code: 'FIELD_INVALID' } })
    },
  )

  it('escapes a mount point', () => {
    expect(escapeSegment('/')).toBe('%2F')
    expect(escapeSegment('/mnt/a b%')).toBe('%2Fmnt%2Fa%20b%25')
    expect(isSameOrDescendant('host:a/disk:vda', 'host:a')).toBe(true)
    expect(isSameOrDescendant('host:ab/disk:vda', 'host:a')).toBe(false)
    expect(() => escapeSegment('')).toThrow(RangeError)
  })
})
