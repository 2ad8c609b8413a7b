import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type RetentionEntry, classOf, expiredBeforeMs } from './expiry.ts'

const DAY_MS = 86_400_000
const entry = (day: number, applied: boolean, days: Record<string, number>): RetentionEntry => {
  return { atMs: day * DAY_MS, applied, readingsDays: days, hoursDays: {} }
}

test('nothing that any policy could have deleted is taken for whole', () => {
  // Policies one after the other: each deletes, at any day while it is in force, what is older than its days.
  const policies = fc.array(
    fc.record({ lasts: fc.integer({ min: 1, max: 50 }), days: fc.nat({ max: 30 }) }),
    {
      minLength: 1,
      maxLength: 6,
    },
  )
  fc.assert(
    fc.property(policies, (steps) => {
      const log: RetentionEntry[] = []
      let [day, deletedBefore] = [100, 0]
      for (const { lasts, days } of steps) {
        log.push(entry(day, false, { '': days }), entry(day, true, { '': days }))
        day += lasts
        if (days > 0) deletedBefore = Math.max(deletedBefore, day - days)
      }
      const answer = expiredBeforeMs(log, 'readingsDays', 'host.cpu', day * DAY_MS)
      expect(answer).toBeGreaterThanOrEqual(deletedBefore * DAY_MS)
      expect(answer).toBeLessThanOrEqual((deletedBefore + 1) * DAY_MS)
    }),
  )
})

test.each<[string, RetentionEntry[], string, number]>([
  ['no policy ever', [], 'host.cpu', 0],
  ['for ever', [entry(1, false, { '': 0 })], 'host.cpu', 0],
  ['the default', [entry(1, false, { '': 10 })], 'host.cpu', 990],
  ['a class of its own', [entry(1, false, { '': 10, 'host.cpu': 100 })], 'host.cpu', 900],
  ['a class kept for ever', [entry(1, false, { '': 10, 'host.cpu': 0 })], 'host.cpu', 0],
  ['ended long ago', [entry(1, false, { '': 10 }), entry(500, true, { '': 0 })], 'host.cpu', 491],
  [
    'a change that never came about',
    [entry(1, false, { '': 10 }), entry(500, false, { '': 0 })],
    'host.cpu',
    990,
  ],
])('%s', (_, log, name, beforeDay) => {
  expect(expiredBeforeMs(log, 'readingsDays', name, 1000 * DAY_MS)).toBe(beforeDay * DAY_MS)
})

test('a class is the name without its last word', () => {
  expect(['host.network.received', 'host.uptime', 'x'].map(classOf)).toEqual(['host.network', 'host', ''])
})
