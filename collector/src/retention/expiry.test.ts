import { describe, expect, it } from 'vitest'
import { expiryOf } from './expiry.ts'
import type { LoggedPolicy } from './expiry.ts'

const DAY_MS = 86_400_000
const NOW_MS = 1_000 * DAY_MS
const policy = (
  day: number,
  applied: boolean,
  readingsDays: number[],
  batchesDays: number,
): LoggedPolicy => ({
  atMs: day * DAY_MS,
  applied,
  readingsDays,
  batchesDays,
})
/** Days before now before which rows may be gone; 0 = none. */
const days = (log: readonly LoggedPolicy[]): number[] => {
  const { readingsMs, batchesMs } = expiryOf(log, NOW_MS)
  return [readingsMs, batchesMs].map((ms) => (ms === 0 ? 0 : (NOW_MS + 1_000 - ms) / DAY_MS))
}

describe('what may have expired', () => {
  it.each([
    ['nothing without a policy', [], [0, 0]],
    ['nothing where all is for ever', [policy(1, false, [0], 0), policy(1, true, [0], 0)], [0, 0]],
    ['by the shortest class', [policy(1, false, [500, 0, 400], 0)], [400, 0]],
    ['by a policy whose change was never finished', [policy(990, false, [400], 500)], [400, 500]],
    [
      'by an earlier policy up to its end',
      [policy(1, true, [400], 450), policy(970, false, [0], 0), policy(980, true, [0], 0)],
      [420, 470],
    ],
    [
      'by the stricter of two',
      [policy(1, true, [400], 450), policy(999, false, [300], 300), policy(999, true, [300], 300)],
      [300, 300],
    ],
  ])('%s', (_, log, expected) => {
    expect(days(log)).toEqual(expected)
  })
})
