import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { decodeBody, encodeBody } from '@vouch/proto/wire/body.ts'
import { buildColumns, thin } from './batch-builder.ts'
import { ReadingBuffer } from './reading-buffer.ts'
import type { StreamReading } from './reading-buffer.ts'

/** Ids that tell their stream. */
const putId = (stream: number, to: Uint8Array, at: number): void => void to.fill(stream + 1, at, at + 16)
function bufferOf(given: readonly StreamReading[]): ReadingBuffer {
  const buffer = new ReadingBuffer()
  fill(buffer, given)
  return buffer
}

function fill(buffer: ReadingBuffer, given: readonly StreamReading[]): void {
  for (const { epoch, register, spanMs, stream, timeMs } of given)
    buffer.of(stream)(epoch, timeMs, register, spanMs)
}

/** Readings of three streams as looks bring them: times ascend, registers never fall within an epoch. */
const readings: fc.Arbitrary<StreamReading[]> = fc
  .array(
    fc.record({
      stream: fc.nat({ max: 2 }),
      reopens: fc.boolean(),
      grows: fc.bigInt({ min: 0n, max: 2n ** 50n }),
      spanMs: fc.nat({ max: 1000 }),
    }),
    { minLength: 1, maxLength: 80 },
  )
  .map((steps) => {
    const last = new Map<number, StreamReading>()
    return steps.map(({ stream, reopens, grows, spanMs }, index) => {
      const before = last.get(stream)
      const timeMs = 1_700_000_000_000 + index * 1000
      const opens = before === undefined || reopens
      const epoch = opens ? timeMs : before.epoch
      const register = opens ? grows : before.register + grows
      const reading = { stream, epoch, timeMs, register, spanMs: opens ? 0 : spanMs }
      last.set(stream, reading)
      return reading
    })
  })

const named = ({ stream, epoch }: StreamReading): string => `${stream} ${epoch}`

describe('columns', () => {
  it('carry every reading through the wire', () => {
    fc.assert(
      fc.property(readings, (given) => {
        const columns = unwrap(decodeBody(encodeBody(buildColumns(bufferOf(given), [], putId))))
        const arrived: StreamReading[] = []
        let row = 0
        for (const [segment, rows] of columns.segmentRows.entries()) {
          const stream = columns.streamIds[16 * columns.segmentStream[segment]!]! - 1
          for (let index = 0; index < rows; index += 1, row += 1) {
            arrived.push({
              stream,
              epoch: Number(columns.segmentEpoch[segment]),
              timeMs: Number(columns.timeMs[row]),
              register: columns.register[row] ?? 0n,
              spanMs: columns.spanMs[row] ?? 0,
            })
          }
        }
        const ordered = (all: readonly StreamReading[]) =>
          all.toSorted((a, b) => named(a).localeCompare(named(b)) || a.timeMs - b.timeMs)
        expect(ordered(arrived)).toEqual(ordered(given))
      }),
    )
  })
})

describe('a buffer of readings', () => {
  it('holds them in their order, many too, and after it was cleared others', () => {
    const many = Array.from({ length: 40_000 }, (_, row) => ({
      stream: row % 7,
      epoch: 1e12 + (row % 5),
      timeMs: 1e12 + row,
      register: 2n ** 64n - 1n - BigInt(row),
      spanMs: row,
    }))
    const buffer = bufferOf(many)
    expect([...buffer]).toEqual(many)
    expect([...buffer.byStream()].map((row) => many[row]!)).toEqual(
      many.toSorted((a, b) => a.stream - b.stream),
    )
    buffer.clear()
    expect([...buffer]).toEqual([])
    fill(buffer, many.slice(0, 3000))
    expect([...buffer]).toEqual(many.slice(0, 3000))
  })
})

describe('thinning', () => {
  it('keeps first and last of every epoch, so quantities stay, and is bounded', () => {
    fc.assert(
      fc.property(readings, (given) => {
        const { kept, dropped } = thin(given)
        expect(kept.length + dropped.length).toBe(given.length)
        const ends = (all: readonly StreamReading[]) =>
          [...Map.groupBy(all, named)].map(([name, rows]) => [name, rows[0]?.register, rows.at(-1)?.register])
        expect(ends(kept)).toEqual(ends(given))
        expect(kept.length).toBeLessThanOrEqual(2 * new Set(given.map(named)).size)
        const cut = new Set(dropped.map(named))
        for (const [name, rows] of Map.groupBy(kept, named)) {
          if (!cut.has(name)) expect(given).toEqual(expect.arrayContaining(rows))
          else for (const row of rows.slice(1)) expect(row.spanMs).toBe(0)
        }
        expect(thin(kept).dropped).toEqual([])
      }),
    )
  })

  it('cuts at the bound the earliest ends, and counts them among what was dropped', () => {
    fc.assert(
      fc.property(readings, fc.integer({ min: 1, max: 10 }), (given, readingsMax) => {
        const whole = thin(given)
        const { kept, dropped } = thin(given, readingsMax)
        expect(kept).toEqual(whole.kept.slice(-readingsMax))
        expect(kept.length + dropped.length).toBe(given.length)
        expect(dropped.map(({ timeMs }) => timeMs)).toEqual(
          dropped.map(({ timeMs }) => timeMs).toSorted((a, b) => a - b),
        )
      }),
    )
  })
})
