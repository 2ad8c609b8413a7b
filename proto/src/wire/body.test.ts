import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BatchBodySchema, LossReason, LossSchema } from '../gen/vouch/ingest/v1/batch_pb.ts'
import { decodeBody, encodeBody } from './body.ts'
import type { Columns } from './body.ts'

const MAX = 0xffff_ffff_ffff_ffffn

interface Row {
  readonly step: number
  readonly add: bigint
  readonly span: number
}

const rowArbitrary: fc.Arbitrary<Row> = fc.record({
  step: fc.integer({ min: 1, max: 10_000_000 }),
  add: fc.oneof(fc.bigInt(0n, 300n), fc.bigInt(0n, 1n << 52n)),
  span: fc.integer({ min: 0, max: 0xffff_ffff }),
})
const segmentArbitrary = fc.record({
  stream: fc.nat({ max: 3 }),
  epoch: fc.bigInt(0n, MAX),
  first: fc.oneof(fc.bigInt(0n, 1n << 40n), fc.bigInt(0n, 1n << 63n)),
  rows: fc.array(rowArbitrary, { minLength: 1, maxLength: 20 }),
})
const columnsArbitrary = fc
  .record({
    base: fc.integer({ min: 0, max: 2 ** 50 }),
    segments: fc.array(segmentArbitrary, { maxLength: 12 }),
    losses: fc.array(fc.record({ fromMs: fc.bigInt(0n, 1n << 50n), readings: fc.bigInt(0n, MAX) }), {
      maxLength: 3,
    }),
  })
  .map(toColumns)

function toColumns(from: {
  base: number
  segments: { stream: number; epoch: bigint; first: bigint; rows: Row[] }[]
  losses: { fromMs: bigint; readings: bigint }[]
}): Columns {
  const times: bigint[] = []
  const registers: bigint[] = []
  for (const segment of from.segments) {
    let time = BigInt(from.base)
    let register = segment.first
    for (const row of segment.rows) {
      time += BigInt(row.step)
      register += row.add
      times.push(time)
      registers.push(register)
    }
  }
  return {
    streamIds: new Uint8Array(64).map((_, at) => at),
    timeBaseMs: from.base,
    segmentStream: Uint32Array.from(from.segments, (segment) => segment.stream),
    segmentEpoch: BigUint64Array.from(from.segments, (segment) => segment.epoch),
    segmentRows: Uint32Array.from(from.segments, (segment) => segment.rows.length),
    timeMs: BigUint64Array.from(times),
    register: BigUint64Array.from(registers),
    spanMs: Uint32Array.from(from.segments.flatMap((segment) => segment.rows.map((row) => row.span))),
    losses: from.losses.map((loss) => create(LossSchema, { ...loss, reason: LossReason.SPOOL_FULL })),
  }
}

describe('law: a body survives the wire', () => {
  it('decodes to what was encoded', () => {
    fc.assert(
      fc.property(columnsArbitrary, (columns) => {
        expect(decodeBody(encodeBody(columns))).toEqual({ ok: true, value: columns })
      }),
    )
  })

  it('writes what protobuf-es reads, and reads what it writes', () => {
    fc.assert(
      fc.property(columnsArbitrary, (columns) => {
        const bytes = encodeBody(columns)
        const message = fromBinary(BatchBodySchema, bytes)
        expect(message.segmentRows).toEqual([...columns.segmentRows])
        expect(message.register).toHaveLength(columns.register.length)
        expect(decodeBody(toBinary(BatchBodySchema, message))).toEqual({ ok: true, value: columns })
      }),
    )
  })
})

describe('foreign bytes', () => {
  it('never throw, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const decoded = decodeBody(bytes)
        if (!decoded.ok) expect(['BATCH_MALFORMED', 'BATCH_TOO_LARGE']).toContain(decoded.fault.code)
      }),
      { numRuns: 5000 },
    )
  })

  it('never throw when a true body is bent or cut', () => {
    const bent = fc.tuple(columnsArbitrary, fc.nat(), fc.nat({ max: 255 }), fc.boolean())
    fc.assert(
      fc.property(bent, ([columns, place, value, cut]) => {
        const bytes = encodeBody(columns)
        const at = place % bytes.length
        const other = cut ? bytes.slice(0, at) : bytes.with(at, value)
        const decoded = decodeBody(other)
        if (!decoded.ok) expect(['BATCH_MALFORMED', 'BATCH_TOO_LARGE']).toContain(decoded.fault.code)
      }),
      { numRuns: 3000 },
    )
  })

  const valid = { streamIds: new Uint8Array(16), timeBaseMs: 5n, segmentStream: [0], segmentEpoch: [7n] }
  const twoRows = { ...valid, segmentRows: [2], timeMs: [0n, 1n], register: [1n, 1n], spanMs: [0, 1] }
  it.each([
    ['rows that do not add up', { ...twoRows, segmentRows: [3] }],
    [
      'a segment without rows',
      { ...twoRows, segmentRows: [2, 0], segmentStream: [0, 0], segmentEpoch: [7n, 0n] },
    ],
    ['a time that stands still', { ...twoRows, timeMs: [0n, 0n] }],
    ['a register beyond 64 bits', { ...twoRows, register: [MAX, 1n] }],
    ['a time beyond 2^53', { ...twoRows, timeMs: [0n, 1n << 53n] }],
    ['a stream that is not there', { ...twoRows, segmentStream: [1] }],
    ['a stream id of 15 bytes', { ...twoRows, streamIds: new Uint8Array(15) }],
    ['a missing column', { ...twoRows, spanMs: [] }],
  ])('refuses %s', (_, init) => {
    const decoded = decodeBody(toBinary(BatchBodySchema, create(BatchBodySchema, init)))
    expect(decoded).toMatchObject({ ok: false, fault: { code: 'BATCH_MALFORMED' } })
  })

  it.each([
    ['beyond 32 bits', '908080801005'],
    ['of six bytes', '90808080800005'],
  ])('refuses a tag %s, which no other decoder reads', (_, hex) => {
    // Field 2, the time base, with more than a short reading looks at.
    const bytes = Uint8Array.fromHex(hex)
    expect(() => fromBinary(BatchBodySchema, bytes)).toThrow('tag')
    expect(decodeBody(bytes)).toMatchObject({ ok: false, fault: { code: 'BATCH_MALFORMED' } })
  })

  it('refuses more readings than the bound', () => {
    const bytes = toBinary(BatchBodySchema, create(BatchBodySchema, twoRows))
    expect(decodeBody(bytes, { rowsMax: 2, streamsMax: 1 }).ok).toBe(true)
    expect(decodeBody(bytes, { rowsMax: 1, streamsMax: 1 })).toMatchObject({
      fault: { code: 'BATCH_TOO_LARGE' },
    })
  })
})

describe('decodeBody', () => {
  it('gives arrays of their own, also for a Buffer at an odd offset', () => {
    const columns = toColumns({
      base: 0,
      losses: [],
      segments: [{ stream: 0, epoch: 1n, first: 9n, rows: [{ step: 1, add: 0n, span: 0 }] }],
    })
    const whole = Buffer.concat([Buffer.from([0]), encodeBody(columns)])
    const decoded = decodeBody(whole.subarray(1))
    whole.fill(0xff)
    expect(decoded).toEqual({ ok: true, value: columns })
    expect(decoded.ok && decoded.value.streamIds.byteOffset).toBe(0)
  })
})

describe('encodeBody', () => {
  it('throws where a register falls inside a segment', () => {
    const columns = toColumns({
      base: 0,
      losses: [],
      segments: [
        {
          stream: 0,
          epoch: 1n,
          first: 9n,
          rows: [
            { step: 1, add: 0n, span: 0 },
            { step: 1, add: 0n, span: 1 },
          ],
        },
      ],
    })
    columns.register[1] = 8n
    expect(() => encodeBody(columns)).toThrow('falls inside a segment')
  })

  it('takes about a dozen bytes for a reading of a real batch', () => {
    const segments = Array.from({ length: 200 }, (_, stream) => ({
      stream: stream % 4,
      epoch: 1_790_000_000_000n,
      first: 1n << 40n,
      rows: Array.from({ length: 6 }, () => ({ step: 10_000, add: 123_456n, span: 10_000 })),
    }))
    const columns = {
      ...toColumns({ base: 1_790_000_000_000, losses: [], segments }),
      streamIds: new Uint8Array(200 * 16),
    }
    expect(encodeBody(columns).length / 1200).toBeLessThan(13)
  })
})
