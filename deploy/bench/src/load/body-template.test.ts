import fc from 'fast-check'
import { expect, test } from 'vitest'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { decodeBody, encodeBody } from '@vouch/proto/wire/body.ts'
import { BodyTemplate, SPACING_MIN_MS } from './body-template.ts'

const SHAPE = fc.record({
  streams: fc.integer({ min: 1, max: 300 }),
  rows: fc.integer({ min: 1, max: 8 }),
  spacingMs: fc.integer({ min: SPACING_MIN_MS, max: 60_000 }),
})
const START_MS = Date.UTC(2026, 4, 1)

test('every body is what the encoder would have written for the same readings', () => {
  fc.assert(
    fc.property(SHAPE, fc.integer({ min: 0, max: 50_000 }), (shape, index) => {
      const streamIds = Uint8Array.from({ length: shape.streams * 16 }, (_, at) => (at * 7) % 256)
      const body = new BodyTemplate(shape).body(streamIds, START_MS, index)
      const columns = unwrap(decodeBody(body))
      expect(Buffer.compare(encodeBody(columns), body)).toBe(0)
      expect(columns.streamIds).toEqual(streamIds)
      expect(new Set(columns.segmentEpoch)).toEqual(new Set([BigInt(START_MS)]))
      expect(columns.timeMs.length).toBe(shape.streams * shape.rows)
    }),
    { numRuns: 50 },
  )
})

test('from batch to batch each stream goes on: times ascend, registers never fall', () => {
  fc.assert(
    fc.property(SHAPE, fc.integer({ min: 0, max: 1_000 }), (shape, index) => {
      const template = new BodyTemplate(shape)
      const streamIds = new Uint8Array(shape.streams * 16)
      const [before, after] = [index, index + 1].map((each) =>
        unwrap(decodeBody(template.body(streamIds, START_MS, each))),
      )
      for (let stream = 0; stream < shape.streams; stream++) {
        const last = (stream + 1) * shape.rows - 1
        const first = stream * shape.rows
        expect(after!.timeMs[first]).toBeGreaterThan(before!.timeMs[last]!)
        expect(after!.register[first]).toBeGreaterThanOrEqual(before!.register[last]!)
        expect(Number(before!.timeMs[last])).toBeLessThan(
          START_MS + index * template.batchMs + template.batchMs,
        )
      }
    }),
    { numRuns: 50 },
  )
})

test('a register beyond its six bytes is an error, not a wrong register', () => {
  const template = new BodyTemplate({ streams: 1, rows: 6, spacingMs: 10_000 })
  expect(() => template.body(new Uint8Array(16), START_MS, 100_000_000)).toThrow(/beyond/)
  expect(() => template.body(new Uint8Array(15), START_MS, 0)).toThrow(/16 bytes/)
})
