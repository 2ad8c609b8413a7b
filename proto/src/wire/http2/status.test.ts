import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { percentEncode, statusOf, trailersOf } from './status.ts'

it('what is percent-encoded is printable ASCII, and decodes to what it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const encoded = percentEncode(text)
      expect(encoded).toMatch(/^[\x20-\x7e]*$/)
      expect(decodeURIComponent(encoded)).toBe(text.toWellFormed())
    }),
  )
})

it('a fault is told in words and whole', () => {
  const fault = { code: 'AGENT_UNKNOWN', message: '100 % “unknown”' } as const
  const trailers = trailersOf(statusOf(fault))
  expect(trailers['grpc-message']).toBe('100 %25 %E2%80%9Cunknown%E2%80%9D')
  expect(JSON.parse(Buffer.from(String(trailers['vouch-fault-bin']), 'base64').toString())).toEqual(fault)
})
