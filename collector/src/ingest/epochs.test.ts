import type { Columns } from '@vouch/proto/wire/body.ts'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import type { LastReading } from '../ports.ts'
import { Epochs } from './epochs.ts'

interface Segment {
  readonly stream: number
  readonly epoch: bigint
  readonly readings: readonly LastReading[]
}

const STREAMS = 3
const IDS = Uint8Array.from({ length: STREAMS * 16 }, (_, index) => index * 37)

function columnsOf(segments: readonly Segment[]): Columns {
  const rows = segments.flatMap(({ readings }) => readings)
  return {
    streamIds: IDS,
    timeBaseMs: 0,
    segmentStream: Uint32Array.from(segments, ({ stream }) => stream),
    segmentEpoch: BigUint64Array.from(segments, ({ epoch }) => epoch),
    segmentRows: Uint32Array.from(segments, ({ readings }) => readings.length),
    timeMs: BigUint64Array.from(rows, ({ timeMs }) => timeMs),
    register: BigUint64Array.from(rows, ({ register }) => register),
    spanMs: new Uint32Array(rows.length),
    losses: [],
  }
}

/** Word by word with bigints: whether a batch is taken, and what is newest afterwards. */
function slowly(segments: readonly Segment[], before: ReadonlyMap<string, LastReading>) {
  const after = new Map(before)
  for (const { stream, epoch, readings } of segments) {
    const key = `${stream} ${epoch}`
    const known = after.get(key)
    const falls = [readings[0]!, readings.at(-1)!].some(({ timeMs, register }) => {
      if (known === undefined) return false
      if (timeMs === known.timeMs) return register !== known.register
      return timeMs > known.timeMs ? register < known.register : register > known.register
    })
    if (falls) return { taken: false, newest: before }
    const last = readings.at(-1)!
    if (known === undefined || last.timeMs > known.timeMs) after.set(key, last)
  }
  return { taken: true, newest: after }
}

/** Small numbers, so that they meet; and numbers on both sides of 32 bits. */
const VALUE = fc.oneof(fc.bigInt(0n, 6n), fc.bigInt(2n ** 32n - 2n, 2n ** 32n + 2n))
const SEGMENT = fc.record({
  stream: fc.nat(STREAMS - 1),
  epoch: fc.oneof(fc.bigInt(1n, 2n), fc.constant(2n ** 63n)),
  readings: fc.array(fc.record({ timeMs: VALUE.map((value) => value + 1n), register: VALUE }), {
    minLength: 1,
    maxLength: 3,
  }),
})

it('agrees with the slow way over any series of batches, refused ones among them', () => {
  fc.assert(
    fc.property(fc.array(fc.array(SEGMENT, { maxLength: 4 }), { maxLength: 20 }), (batches) => {
      const epochs = new Epochs(100, 3)
      let newest: ReadonlyMap<string, LastReading> = new Map()
      for (const segments of batches) {
        const expected = slowly(segments, newest)
        const result = epochs.advance(columnsOf(segments), true)
        expect(result.ok || result.fault.code).toBe(expected.taken || 'READING_DECREASING')
        newest = expected.newest
      }
    }),
    { numRuns: 2_000 },
  )
})

it('gives back what it does not remember, changes nothing until it is told, and believes it', () => {
  const epochs = new Epochs(100, 3)
  const columns = columnsOf([
    { stream: 1, epoch: 4n, readings: [{ timeMs: 10n, register: 10n }] },
    { stream: 2, epoch: 5n, readings: [{ timeMs: 10n, register: 10n }] },
    { stream: 0, epoch: 6n, readings: [{ timeMs: 10n, register: 10n }] },
  ])
  epochs.learn({ streamId: IDS.subarray(16, 32), epoch: 4n }, { timeMs: 5n, register: 5n })
  const unknown = [
    { streamId: IDS.subarray(32, 48), epoch: 5n },
    { streamId: IDS.subarray(0, 16), epoch: 6n },
  ]
  for (let again = 0; again < 2; again++) {
    expect(epochs.advance(columns, false)).toEqual({ ok: true, value: unknown })
    const earlier = columnsOf([{ stream: 1, epoch: 4n, readings: [{ timeMs: 6n, register: 6n }] }])
    expect(epochs.advance(earlier, false)).toEqual({ ok: true, value: [] })
  }
  epochs.learn(unknown[1]!, { timeMs: 9n, register: 11n })
  expect(epochs.advance(columns, false)).toEqual({ ok: true, value: [unknown[0]] })
  const result = epochs.advance(columns, true)
  expect(!result.ok && result.fault.message).toMatch(/stood at 11 and came with 10\.\.10/)
})
