import { describe, expect, it } from 'vitest'
import { nextMoment } from './moment.ts'
import type { ClockReading } from './moment.ts'

const CADENCE_MS = 1000
const first: ClockReading = { wallMs: 1_000_000, monotonicMs: 5000, boottimeMs: 5000 }

function second(wall: number, monotonic: number, boottime: number) {
  const { timeline } = nextMoment(undefined, first, CADENCE_MS)
  const now = {
    wallMs: first.wallMs + wall,
    monotonicMs: first.monotonicMs + monotonic,
    boottimeMs: first.boottimeMs + boottime,
  }
  return nextMoment(timeline, now, CADENCE_MS).moment
}

describe('the timeline', () => {
  it('begins at the wall clock, covering nothing', () => {
    expect(nextMoment(undefined, first, CADENCE_MS).moment).toMatchObject({
      timeMs: 1_000_000,
      look: 1,
      continuous: false,
    })
  })

  it.each([
    // what happened, wall, monotonic, boottime, label, continuous
    ['a cadence', 1000, 1000, 1000, 1000, true],
    ['two cadences', 2000, 2000, 2000, 2000, true],
    ['a stall', 2001, 2001, 2001, 2001, false],
    ['a wall clock read late', 1900, 1000, 1000, 1000, true],
    ['a wall clock set forward', 2_001_000, 1000, 1000, 2_001_000, true],
    ['a wall clock set back', -3_000_000, 1000, 1000, -3_000_000, true],
    ['a suspend', 61_000, 1000, 61_000, 61_000, false],
    ['a boot clock of coarse grain', 1000, 1000, 1009, 1000, true],
  ])('labels %s', (_, wall, monotonic, boottime, label, continuous) => {
    expect(second(wall, monotonic, boottime)).toMatchObject({
      timeMs: 1_000_000 + label,
      look: 2,
      continuous,
    })
  })
})
