import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import type { AdmittedBatch } from '../ports.ts'
import { ColumnMemory } from './column-memory.ts'
import { segmentColumns } from './segment-columns.ts'
import type { SignedReadings, SegmentColumns } from './segment-columns.ts'
import { orderOfIds } from './segment-order.ts'
import { wordsOf } from './words.ts'

interface Segment {
  readonly stream: number
  readonly epoch: bigint
  readonly rows: readonly { time: bigint; register: bigint; span: number }[]
}

const WORD = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const ID = fc.uint8Array({ minLength: 16, maxLength: 16 })
const SEGMENT: fc.Arbitrary<Segment> = fc.record({
  stream: fc.nat(3),
  epoch: WORD,
  rows: fc.array(fc.record({ time: WORD, register: WORD, span: fc.nat(2 ** 32 - 1) }), {
    minLength: 1,
    maxLength: 5,
  }),
})
const BATCH = fc.record({
  run: ID,
  sequence: WORD,
  classes: fc.array(fc.constantFrom('host.cpu', 'host.network', ''), { minLength: 4, maxLength: 4 }),
  segments: fc.array(SEGMENT, { maxLength: 6 }),
})
const STREAMS = fc.array(ID, { minLength: 4, maxLength: 4 })

function batchOf({ run, sequence, classes, segments }: BatchShape, streams: Uint8Array[]): SignedReadings {
  const rows = segments.flatMap((segment) => segment.rows)
  const columns = {
    streamIds: new Uint8Array(Buffer.concat(streams)),
    timeBaseMs: 0,
    segmentStream: Uint32Array.from(segments, ({ stream }) => stream),
    segmentEpoch: BigUint64Array.from(segments, ({ epoch }) => epoch),
    segmentRows: Uint32Array.from(segments, (segment) => segment.rows.length),
    timeMs: BigUint64Array.from(rows, ({ time }) => time),
    register: BigUint64Array.from(rows, ({ register }) => register),
    spanMs: Uint32Array.from(rows, ({ span }) => span),
    losses: [],
  }
  const batch: Pick<AdmittedBatch, 'runId' | 'sequence' | 'classes'> = { runId: run, sequence, classes }
  return { ...batch, columns } as unknown as SignedReadings
}

type BatchShape = typeof BATCH extends fc.Arbitrary<infer T> ? T : never

/** The rows as objects, as they would be stored. */
function rowsOf(of: SegmentColumns): unknown[] {
  const hex = (ids: BigUint64Array, at: number): string =>
    Buffer.from(new Uint8Array(ids.buffer, ids.byteOffset + 16 * at, 16)).toString('hex')
  return Array.from({ length: of.segments }, (_, at) => {
    const [from, to] = [at === 0 ? 0 : Number(of.ends[at - 1]), Number(of.ends[at])]
    return {
      stream: hex(of.stream, at),
      run: hex(of.run, at),
      epoch: of.epoch[at],
      first: of.firstTime[at],
      last: of.lastTime[at],
      sequence: of.sequence[at],
      firstRow: of.firstRow[at],
      class: of.names[of.classes[at] ?? -1],
      times: [...of.times.subarray(from, to)],
      registers: [...of.registers.subarray(from, to)],
      spans: [...of.spans.subarray(from, to)],
    }
  })
}

function expectedOf(batches: readonly BatchShape[], streams: readonly Uint8Array[]) {
  return batches.flatMap(({ run, sequence, classes, segments }) =>
    segments.map(({ stream, epoch, rows }, index) => ({
      stream: Buffer.from(streams[stream] ?? []).toString('hex'),
      run: Buffer.from(run).toString('hex'),
      epoch,
      first: rows[0]?.time,
      last: rows.at(-1)?.time,
      sequence,
      firstRow: segments.slice(0, index).reduce((sum, before) => sum + before.rows.length, 0),
      class: classes[stream],
      times: rows.map(({ time }) => time),
      registers: rows.map(({ register }) => register),
      spans: rows.map(({ span }) => span),
    })),
  )
}

it('law: segments are those of the batches, by stream, each stream in the order of arrival', () => {
  // First octets that are far apart: ids that agree in 40 bits may be in either order.
  const apart = STREAMS.map((ids) => ids.map((id, at) => Uint8Array.from([at * 60 + 9, ...id.slice(1)])))
  // What it holds from before must not show.
  const memory = new ColumnMemory()
  fc.assert(
    fc.property(fc.array(BATCH, { maxLength: 5 }), apart, (batches, streams) => {
      const columns = segmentColumns(
        batches.map((batch) => batchOf(batch, streams)),
        memory,
      )
      // Sorting is stable.
      const expected = expectedOf(batches, streams).toSorted((a, b) =>
        a.stream === b.stream ? 0 : a.stream < b.stream ? -1 : 1,
      )
      expect(rowsOf(columns)).toEqual(expected)
    }),
  )
})

it('law: ids are in the order of their octets, equal ones in the order in which they came', () => {
  // What is beyond the first 40 bits is the same in all.
  const head = fc.uint8Array({ minLength: 5, maxLength: 5 })
  const few = fc.oneof(head, fc.constantFrom(new Uint8Array(5), Uint8Array.of(0xff, 0, 0, 0x80, 0x80)))
  fc.assert(
    fc.property(fc.array(few, { maxLength: 200 }), (heads) => {
      const bytes = new Uint8Array(16 * heads.length)
      heads.forEach((octets, at) => bytes.set(octets, 16 * at))
      const expected = heads.map((_, at) => at).toSorted((a, b) => Buffer.compare(heads[a]!, heads[b]!))
      expect([...orderOfIds(wordsOf(bytes))]).toEqual(expected)
    }),
  )
})

it('of no batches there is nothing', () => {
  expect(segmentColumns([], new ColumnMemory()).segments).toBe(0)
  expect([...orderOfIds(new Uint32Array())]).toEqual([])
})
