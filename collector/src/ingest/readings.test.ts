import { create } from '@bufbuild/protobuf'
import { LossSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LastReading } from '../ports.ts'
import { compareClocks } from './clock.ts'
import { Epochs } from './epochs.ts'
import { validateReadings } from './validate.ts'

const NOW_MS = 1_800_000_000_000
const LIMITS = { futureMaxMs: 1_000, ageMaxMs: 86_400_000, spanMaxMs: 3_600_000 }
const ID = new Uint8Array(16).fill(7)
const KEY = { streamId: ID, epoch: 1n }

function columns(rows: readonly (readonly [timeMs: bigint, register: bigint, spanMs?: number])[]): Columns {
  return {
    streamIds: ID,
    timeBaseMs: 0,
    segmentStream: Uint32Array.of(0),
    segmentEpoch: BigUint64Array.of(1n),
    segmentRows: Uint32Array.of(rows.length),
    timeMs: BigUint64Array.from(rows, ([timeMs]) => timeMs),
    register: BigUint64Array.from(rows, ([, register]) => register),
    spanMs: Uint32Array.from(rows, ([, , spanMs]) => spanMs ?? 0),
    losses: [],
  }
}

const now = BigInt(NOW_MS)

describe('readings', () => {
  it.each<[string, Columns]>([
    [
      'READING_IN_FUTURE',
      columns([
        [now, 1n],
        [now + 1_001n, 2n],
      ]),
    ],
    ['READING_IN_FUTURE', columns([[2n ** 53n - 1n, 1n]])],
    [
      'READING_TOO_OLD',
      columns([
        [now - 86_400_001n, 1n],
        [now, 2n],
      ]),
    ],
    ['READING_MALFORMED', columns([[now, 1n, 3_600_001]])],
    [
      'READING_MALFORMED',
      { ...columns([[now, 1n]]), losses: [create(LossSchema, { fromMs: 2n, toMs: 1n })] },
    ],
    [
      'READING_MALFORMED',
      { ...columns([[now, 1n]]), losses: [create(LossSchema, { fromMs: -1n, toMs: 1n })] },
    ],
    ['READING_MALFORMED', { ...columns([[now, 1n]]), losses: [create(LossSchema, { toMs: now + 1_001n })] }],
  ])('%s', (code, given) => {
    expect(validateReadings(given, NOW_MS, LIMITS)).toMatchObject({
      fault: { code },
    })
  })

  it('are taken up to both bounds', () => {
    const given = columns([
      [now - 86_400_000n, 1n, 3_600_000],
      [now + 1_000n, 2n],
    ])
    expect(validateReadings(given, NOW_MS, LIMITS)).toEqual({
      ok: true,
      value: undefined,
    })
  })
})

describe('registers rise', () => {
  it.each<[string, LastReading | undefined, readonly (readonly [bigint, bigint])[], boolean]>([
    ['later and lower', { timeMs: 5n, register: 50n }, [[6n, 49n]], false],
    ['earlier and higher', { timeMs: 5n, register: 50n }, [[4n, 51n]], false],
    ['at the same time, another value', { timeMs: 5n, register: 50n }, [[5n, 51n]], false],
    ['later and equal', { timeMs: 5n, register: 50n }, [[6n, 50n]], true],
    ['the same again', { timeMs: 5n, register: 50n }, [[5n, 50n]], true],
    [
      'earlier and lower, late',
      { timeMs: 5n, register: 50n },
      [
        [3n, 30n],
        [4n, 40n],
      ],
      true,
    ],
    ['a new epoch', undefined, [[1n, 0n]], true],
  ])('%s', (_, known, rows, fine) => {
    const epochs = new Epochs(10, 1)
    if (known !== undefined) epochs.learn(KEY, known)
    const result = epochs.advance(columns(rows), true)
    expect(result.ok || result.fault.code).toBe(fine || 'READING_DECREASING')
  })

  it('whatever the cut into batches and their order, a rising register is never refused', () => {
    const series = fc.array(fc.tuple(fc.bigInt(1n, 1_000n), fc.bigInt(0n, 2n ** 60n)), {
      minLength: 1,
      maxLength: 30,
    })
    fc.assert(
      fc.property(series, fc.array(fc.nat(), { maxLength: 50 }), (steps, picks) => {
        let [timeMs, register] = [0n, 0n]
        const rows = steps.map(([dt, step]) => [(timeMs += dt), (register += step)] as const)
        const epochs = new Epochs(10, 1)
        for (const pick of picks) {
          const from = pick % rows.length
          const part = rows.slice(from, from + 1 + (pick % 3))
          expect(epochs.advance(columns(part), true)).toEqual({ ok: true, value: [] })
        }
      }),
    )
  })
})

it.each([
  [NOW_MS, 'fine', 0],
  [NOW_MS + 1_000, 'fine', -1_000],
  [NOW_MS + 1_001, 'ahead', -1_001],
  [NOW_MS - 2_000, 'fine', 2_000],
  [NOW_MS - 7_200_001, 'behind-or-late', 7_200_001],
])('a clock at %d is %s', (sealedMs, judgement, offsetMs) => {
  const limits = { aheadMaxMs: 1_000, behindMaxMs: 7_200_000 }
  expect(compareClocks(sealedMs, NOW_MS, limits)).toEqual({ judgement, offsetMs })
})
