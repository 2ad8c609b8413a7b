import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { unwrap } from '../kernel/fault.ts'
import { DAY_MS, dayStart, formatDay, openDay, parseDay, sealDay } from './day.ts'
import { generateKeys, sha256, signerOf } from './seal.ts'

const signer = signerOf(generateKeys().privateKey)
const figures = {
  startMs: Date.UTC(2026, 10, 24),
  batches: 3,
  root: sha256(Uint8Array.of(1)),
  previousDigest: sha256(Uint8Array.of(2)),
}

describe('law: a UTC day has 24 hours, everywhere and always', () => {
  it('holds the instants from its start to the next one, and has one text', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000_000 }), (ms) => {
        const start = dayStart(ms)
        expect(start).toBeLessThanOrEqual(ms)
        expect(ms - start).toBeLessThan(DAY_MS)
        expect(unwrap(parseDay(formatDay(ms)))).toBe(start)
        expect(formatDay(start + DAY_MS - 1)).toBe(formatDay(start))
        expect(formatDay(start - 1 + DAY_MS + 1)).not.toBe(formatDay(start))
      }),
    )
  })

  it.each(['2026-02-29', '2026-11-24T00:00:00Z', '2026-1-01', '', '20261124', '2026-11-24Z'])(
    '%j is no day',
    (text) => {
      expect(parseDay(text)).toMatchObject({ ok: false, fault: { code: 'INSTANT_INVALID' } })
    },
  )
})

describe('law: a signed day says one thing', () => {
  const signed = sealDay(figures, signer)

  it('the same figures give the same bytes', () => {
    expect(sealDay(figures, signer)).toEqual(signed)
  })

  it('no bit of it can change', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: signed.dayRoot.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        (at, flip) => {
          const dayRoot = signed.dayRoot.with(at, signed.dayRoot[at]! ^ flip)
          expect(openDay({ ...signed, dayRoot }, signer.publicKey)).toMatchObject({
            fault: { code: 'SIGNATURE_INVALID' },
          })
        },
      ),
    )
    expect(openDay(signed, generateKeys().publicKey)).toMatchObject({ fault: { code: 'SIGNATURE_INVALID' } })
  })

  it.each([
    ['a root of 31 bytes', { root: new Uint8Array(31) }],
    ['a previous day of 5 bytes', { previousDigest: new Uint8Array(5) }],
  ])('%s is malformed', (_, change) => {
    expect(openDay(sealDay({ ...figures, ...change }, signer), signer.publicKey)).toMatchObject({
      fault: { code: 'PROOF_MALFORMED' },
    })
  })

  it('reads back', () => {
    expect(openDay(signed, signer.publicKey)).toMatchObject({
      ok: true,
      value: { day: '2026-11-24', batches: 3n, startMs: figures.startMs, root: figures.root },
    })
  })
})
