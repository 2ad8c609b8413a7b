import fc from 'fast-check'
import { expect, it } from 'vitest'
import { boottimeOf } from './clock.ts'

/** What happens between two questions: time passes, the host sleeps, somebody sets the wall clock. */
const step = fc.record({
  passedMs: fc.oneof(fc.nat(9), fc.integer({ min: 0, max: 3000 })),
  sleptMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 100_000 })),
  setMs: fc.oneof(fc.constant(0), fc.integer({ min: -100_000, max: 100_000 })),
})

it('the boot-time clock never goes back, and is right to the hundredth of a second and the shortest suspend', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), fc.nat(10_000), (steps, startMs) => {
      let [monotonicMs, boottimeMs, wallMs] = [startMs, startMs, 1.8e12]
      const told = boottimeOf({
        monotonicMs: () => monotonicMs,
        wallMs: () => wallMs,
        readMs: () => Math.floor(boottimeMs / 10) * 10,
      })
      let beforeMs = told()
      for (const { passedMs, sleptMs, setMs } of steps) {
        monotonicMs += passedMs
        boottimeMs += passedMs + sleptMs
        wallMs += passedMs + sleptMs + setMs
        const nowMs = told()
        expect(nowMs).toBeGreaterThanOrEqual(beforeMs)
        expect(nowMs).toBeLessThanOrEqual(boottimeMs)
        // A suspend that a setting of the wall clock hides to the millisecond shows within a second.
        if (passedMs > 1000) expect(boottimeMs - nowMs).toBeLessThan(10)
        beforeMs = nowMs
      }
    }),
  )
})

it('without one the monotonic clock stands in', () => {
  expect(boottimeOf({ monotonicMs: () => 7, wallMs: () => 1, readMs: () => undefined })()).toBe(7)
})
