import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TokenBucket } from './token-bucket.ts'

describe('a token bucket', () => {
  it('never lets through more than its burst, its rate, and one last spending', () => {
    const spendings = fc.array(fc.record({ tokens: fc.integer({ min: 1, max: 50 }), afterMs: fc.nat(500) }), {
      minLength: 1,
      maxLength: 60,
    })
    fc.assert(
      fc.property(
        spendings,
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 200 }),
        (asked, perSecond, burst) => {
          const bucket = new TokenBucket({ perSecond, burst })
          let [nowMs, spent, largest] = [0, 0, 0]
          for (const { tokens, afterMs } of asked) {
            nowMs += afterMs
            if (bucket.waitMs(nowMs) > 0) continue
            bucket.spend(tokens, nowMs)
            spent += tokens
            largest = Math.max(largest, tokens)
          }
          expect(spent).toBeLessThanOrEqual(burst + (nowMs * perSecond) / 1_000 + largest)
        },
      ),
    )
  })

  it('opens again after exactly the wait that it names, not before', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000 }),
        fc.integer({ min: 1, max: 5_000 }),
        (perSecond, tokens) => {
          const bucket = new TokenBucket({ perSecond, burst: 10 })
          bucket.spend(10 + tokens, 0)
          const waitMs = bucket.waitMs(0)
          expect(bucket.waitMs(waitMs - 1)).toBeGreaterThan(0)
          expect(bucket.waitMs(waitMs + 1)).toBe(0)
        },
      ),
    )
  })

  it('without a rate is no limit; a clock set back gives nothing', () => {
    const free = new TokenBucket({ perSecond: 0, burst: 1 })
    free.spend(1_000_000, 0)
    expect(free.waitMs(0)).toBe(0)
    const bucket = new TokenBucket({ perSecond: 1, burst: 1 })
    expect(bucket.take(10_000)).toBe(true)
    expect(bucket.take(5_000)).toBe(false)
    expect(bucket.take(6_000)).toBe(true)
  })
})
