import { describe, expect, it } from 'vitest'
import { Timeline, instantAt } from './moment.ts'
import type { Instant } from './moment.ts'

const CADENCE_MS = 1000
const first: Instant = { wallMs: 1_000_000, monotonicMs: 5000, boottimeMs: 5000 }

function second(wall: number, monotonic: number, boottime: number) {
  const timeline = new Timeline()
  timeline.next('', first, CADENCE_MS)
  const now = {
    wallMs: first.wallMs + wall,
    monotonicMs: first.monotonicMs + monotonic,
    boottimeMs: first.boottimeMs + boottime,
  }
  return timeline.next('', now, CADENCE_MS)
}

describe('the timeline', () => {
  it('begins at the wall clock, covering nothing', () => {
    expect(new Timeline().next('', first, CADENCE_MS)).toMatchObject({
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

  it('judges each track by its own looks and cadence', () => {
    const timeline = new Timeline()
    const at = (ms: number): Instant => ({
      wallMs: first.wallMs + ms,
      monotonicMs: first.monotonicMs + ms,
      boottimeMs: first.boottimeMs + ms,
    })
    timeline.next('slow', at(0), 60_000)
    for (const ms of [0, 1000, 2000]) timeline.next('quick', at(ms), 1000)
    expect(timeline.next('slow', at(60_000), 60_000)).toMatchObject({
      look: 5,
      previous: 1,
      continuous: true,
    })
    expect(timeline.next('quick', at(60_000), 1000)).toMatchObject({
      look: 6,
      previous: 4,
      continuous: false,
    })
    expect(timeline.next('quick', at(60_000), 1000)).toBeUndefined()
    timeline.end('quick')
    expect(timeline.next('quick', at(60_001), 1000)).toMatchObject({ previous: 0, continuous: false })
  })

  it('finds the instant of a time in the past, and none in the future', () => {
    expect(instantAt(999_000, first)).toEqual({ wallMs: 999_000, monotonicMs: 4000, boottimeMs: 4000 })
    expect(instantAt(1_000_001, first)).toEqual(first)
  })
})
