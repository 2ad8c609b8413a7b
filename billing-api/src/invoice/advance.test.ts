import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { durationMs, formatInstant } from '@vouch/proto/kernel/period.ts'
import { nextPeriod } from '@vouch/proto/kernel/next-period.ts'
import { billsInAdvance, comesTo } from './advance.ts'
import type { Advanced } from './advance.ts'

const span = (from: string, to: string) => ({ from: Date.parse(from), to: Date.parse(to) })

describe('the period after', () => {
  it.each([
    ['a month', '2026-01-31T23:00:00Z', '2026-02-28T23:00:00Z', '2026-03-31T22:00:00Z'],
    ['a month from another day', '2026-02-14T23:00:00Z', '2026-03-14T23:00:00Z', '2026-04-14T22:00:00Z'],
    ['a quarter', '2025-12-31T23:00:00Z', '2026-03-31T22:00:00Z', '2026-06-30T22:00:00Z'],
    ['a year', '2023-12-31T23:00:00Z', '2024-12-31T23:00:00Z', '2025-12-31T23:00:00Z'],
    ['30 days of March', '2026-03-01T23:00:00Z', '2026-03-31T23:00:00Z', '2026-04-30T23:00:00Z'],
    ['a day', '2026-03-27T23:00:00Z', '2026-03-28T23:00:00Z', '2026-03-29T23:00:00Z'],
  ])('%s, in Berlin', (_, from, to, end) => {
    expect(formatInstant(nextPeriod(span(from, to), 'Europe/Berlin').to)).toBe(end)
  })

  it('follows at once, and is as long where it is no whole number of months', () => {
    const instant = fc.integer({ min: Date.UTC(2000, 0), max: Date.UTC(2040, 0) })
    const length = fc.integer({ min: 1, max: 27 * 86_400_000 })
    fc.assert(
      fc.property(instant, length, fc.constantFrom('UTC', 'Europe/Berlin'), (from, ms, zone) => {
        const next = nextPeriod({ from, to: from + ms }, zone)
        expect([next.from, durationMs(next)]).toEqual([from + ms, ms])
      }),
    )
  })
})

it.each([
  [{ kind: 'fee', timing: 'advance' }, true],
  [{ kind: 'fee', timing: 'arrears' }, false],
  [{ kind: 'fee' }, false],
])('a tariff of %j bills in advance: %s', (rule, is) => expect(billsInAdvance({ rules: [rule] })).toBe(is))

it.each([
  ['in which it begins', 't', 'EUR', 10, true],
  ['after it', 't', 'EUR', 11, false],
  ['of another tariff', 'u', 'EUR', 10, false],
  ['of another currency', 't', 'USD', 10, false],
])('a stretch %s comes to what was billed in advance: %s', (_, tariffId, currency, from, is) => {
  const advanced: Advanced = {
    tariff: 't',
    tariffVersion: 1,
    currency: 'EUR',
    period: { from: 10, to: 20 },
    inForce: { from: 10, to: 20 },
    timeZone: 'UTC',
    billed: [],
    by: { ref: undefined, number: 'INV-000001' },
  }
  expect(comesTo({ tariffId, currency }, { from, to: 15 }, advanced)).toBe(is)
})
