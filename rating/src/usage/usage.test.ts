import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Reading, boundaryAt, registerAt } from './boundary.ts'
import { type Sample, coverage, holesOf } from './coverage.ts'
import { findConflict, representatives } from './conflict.ts'
import { type EpochRecord, epochUsage } from './epoch-usage.ts'
import { type Interval, clip, lengthMs, subtract, union } from './interval.ts'
import { type Stream, type StreamRecord, streamUsage } from './stream-usage.ts'

const reading = (timeMs: number, register: bigint): Reading => ({
  batchDigest: new Uint8Array(32),
  row: 0,
  timeMs,
  register,
})

/** An epoch: at least two readings, times rising, registers never falling. */
const epochReadings = (from: number) =>
  fc
    .array(
      fc.record({ wait: fc.integer({ min: 1, max: 40 }), step: fc.bigInt({ min: 0n, max: 2n ** 40n }) }),
      {
        minLength: 1,
        maxLength: 12,
      },
    )
    .map((steps) => {
      const readings = [reading(from, 7n)]
      for (const { wait, step } of steps) {
        const last = readings.at(-1)!
        readings.push(reading(last.timeMs + wait, last.register + step))
      }
      return readings
    })

/** The slow way: search the readings around both ends. */
function recordOf(readings: readonly Reading[], period: Interval, epoch = 1n): EpochRecord {
  const part = clip({ from: readings[0]!.timeMs, to: readings.at(-1)!.timeMs }, period)
  const around = (ms: number): EpochRecord['opening'] => ({
    before: readings.findLast(({ timeMs }) => timeMs <= ms) ?? readings[0]!,
    after: readings.find(({ timeMs }) => timeMs > ms),
  })
  return {
    epoch,
    firstMs: readings[0]!.timeMs,
    lastMs: readings.at(-1)!.timeMs,
    opening: around(part.from),
    closing: around(part.to),
    cuts: [],
    holes: [],
  }
}

const quantityOf = (readings: readonly Reading[], from: number, to: number): bigint =>
  epochUsage(recordOf(readings, { from, to }), { from, to })?.quantity ?? 0n

test('H19: usage is additive: any split of a period sums to the whole', () => {
  fc.assert(
    fc.property(
      epochReadings(100),
      fc.array(fc.integer({ min: 50, max: 700 }), { minLength: 2, maxLength: 8 }),
      (readings, cuts) => {
        const edges = [...new Set(cuts)].toSorted((a, b) => a - b)
        fc.pre(edges.length > 1)
        const parts = edges.slice(1).map((to, i) => quantityOf(readings, edges[i]!, to))
        expect(parts.reduce((sum, part) => sum + part, 0n)).toBe(
          quantityOf(readings, edges[0]!, edges.at(-1)!),
        )
      },
    ),
  )
})

test('over all of its life an epoch uses last − first', () => {
  fc.assert(
    fc.property(epochReadings(100), (readings) => {
      expect(quantityOf(readings, 0, 10_000)).toBe(readings.at(-1)!.register - readings[0]!.register)
    }),
  )
})

test('the register at an instant rises from reading to reading and meets each one', () => {
  fc.assert(
    fc.property(epochReadings(0), (readings) => {
      let last = 0n
      for (let ms = 0; ms <= readings.at(-1)!.timeMs; ms += 1) {
        const { opening } = recordOf(readings, { from: ms, to: ms + 1 })
        const at = readings.find(({ timeMs }) => timeMs === ms)
        const register = at?.register ?? registerAt(ms, opening.before, opening.after)
        expect(register).toBeGreaterThanOrEqual(last)
        last = register
      }
    }),
  )
})

test.each([
  ['on a reading', 10, 5n],
  ['a third of the way, rounded down', 13, 8n],
  ['just before the next', 19, 14n],
])('the register %s', (_, atMs, register) => {
  expect(boundaryAt(atMs, reading(10, 5n), reading(20, 16n)).register).toBe(register)
})

test.each([
  ['before the first', 9, reading(10, 5n), reading(20, 6n)],
  ['on the second', 20, reading(10, 5n), reading(20, 6n)],
  ['without a second', 15, reading(10, 5n), undefined],
])('an instant %s has no register', (_, atMs, before, after) => {
  expect(() => registerAt(atMs, before, after)).toThrow('do not surround')
})

test('between falling registers there is none, which is the agent’s fault', () => {
  expect(() => registerAt(15, reading(10, 6n), reading(20, 5n))).toThrow(
    'USAGE_CONFLICT: a register falls from 6 at 1970-01-01T00:00:00.010Z to 5 at 1970-01-01T00:00:00.020Z, in one epoch',
  )
})

const intervals = fc.array(
  fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 60 })).map(([from, to]) => ({ from, to })),
  { maxLength: 8 },
)
const inside = (list: readonly Interval[], ms: number): boolean =>
  list.some(({ from, to }) => from <= ms && ms < to)
const every = Array.from({ length: 70 }, (_, ms) => ms)

test('union and subtract agree with membership, millisecond by millisecond', () => {
  fc.assert(
    fc.property(intervals, intervals, (a, b) => {
      const rest = subtract(union(a), union(b))
      for (const ms of every) {
        expect(inside(union(a), ms)).toBe(inside(a, ms))
        expect(inside(rest, ms)).toBe(inside(a, ms) && !inside(b, ms))
      }
      expect(lengthMs(rest)).toBe(every.filter((ms) => inside(rest, ms)).length)
    }),
  )
})

const samples = fc.uniqueArray(fc.record({ timeMs: fc.nat({ max: 60 }), spanMs: fc.nat({ max: 20 }) }), {
  minLength: 1,
  maxLength: 8,
  selector: ({ timeMs }) => timeMs,
})

/** The slow way: mark every millisecond. */
function slowCoverage(
  period: Interval,
  epochs: readonly (readonly Sample[])[],
): { covered: number; spread: number; missing: number } {
  const counts = { covered: 0, spread: 0, missing: 0 }
  for (let ms = period.from; ms < period.to; ms += 1) {
    const measured = epochs.filter(
      (own) => own.some(({ timeMs }) => timeMs <= ms) && own.some(({ timeMs }) => timeMs > ms),
    )
    const covered = measured.some((own) => {
      const next = Math.min(...own.map(({ timeMs }) => timeMs).filter((timeMs) => timeMs > ms))
      return own.some(({ timeMs, spanMs }) => timeMs === next && next - spanMs <= ms)
    })
    counts[covered ? 'covered' : measured.length > 0 ? 'spread' : 'missing'] += 1
  }
  return counts
}

test('coverage agrees with marking every millisecond, in any order and with repetitions', () => {
  fc.assert(
    fc.property(
      fc.array(samples, { maxLength: 3 }),
      fc.nat({ max: 40 }),
      fc.integer({ min: 1, max: 40 }),
      (epochs, from, length) => {
        const period = { from, to: from + length }
        const measured = epochs.map((own) => {
          const times = own.map(({ timeMs }) => timeMs)
          const shuffled = [...own.toReversed(), ...own]
          return { part: { from: Math.min(...times), to: Math.max(...times) }, holes: holesOf(shuffled) }
        })
        const { coveredMs, spreadMs, missingMs, gaps } = coverage(period, measured)
        expect({ covered: coveredMs, spread: spreadMs, missing: missingMs }).toEqual(
          slowCoverage(period, epochs),
        )
        expect(coveredMs + spreadMs + missingMs).toBe(length)
        expect(lengthMs(gaps)).toBe(spreadMs + missingMs)
        expect(union(gaps).length).toBeLessThanOrEqual(gaps.length)
      },
    ),
  )
})

const stream = (agentId: string, resource = 'host:a', meter = 'host.cpu.used'): Stream => ({
  streamId: `${agentId}${resource}${meter}`,
  agentId,
  resource,
  meter,
  unit: 'ms',
})
const PERIOD = { from: 0, to: 1000 }
const recordFor = (own: Stream, ...epochs: Reading[][]): StreamRecord => ({
  stream: own,
  lastMs: Math.max(0, ...epochs.flat().map(({ timeMs }) => timeMs)),
  epochs: epochs.map((readings, i) => recordOf(readings, PERIOD, BigInt(i + 1))),
})

test('usage of a stream is the sum over its epochs, whatever their order; between them time is missing', () => {
  fc.assert(
    fc.property(epochReadings(0), epochReadings(500), (one, two) => {
      const record = recordFor(stream('x'), one, two)
      const usage = streamUsage(record, PERIOD)
      expect(usage.quantity).toBe(quantityOf(one, 0, 1000) + quantityOf(two, 0, 1000))
      expect(streamUsage({ ...record, epochs: record.epochs.toReversed() }, PERIOD)).toEqual(usage)
      expect(usage.coverage.missingMs).toBe(1000 - (one.at(-1)!.timeMs - 0) - (two.at(-1)!.timeMs - 500))
    }),
  )
})

describe('two streams of one resource and meter', () => {
  const early = [reading(0, 0n), reading(400, 4n)]
  const late = [reading(400, 0n), reading(900, 9n)]
  const usages = (...records: StreamRecord[]) => records.map((record) => streamUsage(record, PERIOD))

  test('that follow each other are no conflict', () => {
    expect(findConflict(usages(recordFor(stream('x'), early), recordFor(stream('y'), late)))).toBeUndefined()
  })
  test('that overlap are one, named with both agents and the instant', () => {
    const overlapping = [reading(399, 0n), reading(900, 9n)]
    expect(findConflict(usages(recordFor(stream('x'), early), recordFor(stream('y'), overlapping)))).toEqual({
      resource: 'host:a',
      meter: 'host.cpu.used',
      agentIds: ['x', 'y'],
      atMs: 399,
    })
  })
  test('of different resources are none', () => {
    expect(
      findConflict(usages(recordFor(stream('x'), early), recordFor(stream('y', 'host:b'), early))),
    ).toBeUndefined()
  })
  test('are represented by those that measured, or by the last that did before', () => {
    const dead = (agent: string, lastMs: number): StreamRecord => ({
      stream: stream(agent),
      lastMs,
      epochs: [],
    })
    const alive = recordFor(stream('z'), early)
    expect(representatives([dead('x', 9), dead('y', 5), alive])).toEqual([alive])
    expect(representatives([dead('x', 5), dead('y', 9)])).toEqual([dead('y', 9)])
  })
})
