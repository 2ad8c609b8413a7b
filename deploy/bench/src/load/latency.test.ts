import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LatencyHistogram } from './latency.ts'

test('a quantile is the one of the sorted durations, at most one per cent and one millisecond off', () => {
  const durations = fc.array(fc.integer({ min: 1, max: 600_000 }), { minLength: 1, maxLength: 500 })
  fc.assert(
    fc.property(durations, fc.constantFrom(0.01, 0.5, 0.99, 1), (all, share) => {
      const histogram = new LatencyHistogram()
      for (const ms of all) histogram.add(ms)
      const exact = all.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(share * all.length)) - 1]!
      expect(histogram.quantileMs(share)).toBeGreaterThanOrEqual(exact - 1)
      expect(histogram.quantileMs(share)).toBeLessThanOrEqual(exact * 1.01 + 1)
      expect(histogram.maxMs).toBe(Math.max(...all))
      expect(histogram.count).toBe(all.length)
    }),
  )
})

test('none at all is zero, and a duration beyond a day still counts', () => {
  const histogram = new LatencyHistogram()
  expect([histogram.quantileMs(0.99), histogram.maxMs]).toEqual([0, 0])
  histogram.add(1e12)
  expect(histogram.maxMs).toBe(1e12)
  expect(histogram.quantileMs(0.5)).toBeGreaterThanOrEqual(86_400_000)
})
