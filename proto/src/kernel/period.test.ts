import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { unwrap } from './fault.ts'
import {
  INSTANT_MAX_MS,
  contains,
  dayOf,
  durationMs,
  formatInstant,
  hourStart,
  hours,
  intersect,
  isInstant,
  monthOf,
  overlaps,
  parseInstant,
  parsePeriod,
  parseZone,
  period,
} from './period.ts'

const HOUR_MS = 3_600_000
const zones = fc.constantFrom(
  'UTC',
  'Europe/Berlin',
  'Asia/Kolkata',
  'America/New_York',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
  'Africa/Cairo',
  'Pacific/Kiritimati',
  'Asia/Kathmandu',
)
const years = fc.integer({ min: 1971, max: 2100 })
const instants = fc.integer({ min: 0, max: INSTANT_MAX_MS })
const nearby = fc.integer({ min: 0, max: 60 })
const periods = fc
  .tuple(nearby, nearby)
  .filter(([a, b]) => a !== b)
  .map(([a, b]) => unwrap(period(Math.min(a, b), Math.max(a, b))))

describe('laws', () => {
  it('the months of a year and the days of a month follow without gap or overlap in every zone', () => {
    fc.assert(
      fc.property(zones, years, fc.integer({ min: 1, max: 12 }), (zone, year, month) => {
        const months = Array.from({ length: 12 }, (_, index) => unwrap(monthOf(zone, year, index + 1)))
        months.slice(1).forEach((next, index) => expect(next.from).toBe(months[index]?.to))
        const whole = unwrap(monthOf(zone, year, month))
        let end = whole.from
        for (let day = 1; end < whole.to; day += 1) {
          const next = unwrap(dayOf(zone, year, month, day))
          expect(next.from).toBe(end)
          end = next.to
        }
        expect(end).toBe(whole.to)
      }),
      { numRuns: 40 },
    )
  })

  it('an instant reads back from its text', () => {
    fc.assert(
      fc.property(instants, (ms) => {
        expect(unwrap(parseInstant(formatInstant(ms)))).toBe(ms)
      }),
    )
  })

  it('hours cover the period, and each is touched by it', () => {
    fc.assert(
      fc.property(instants, fc.integer({ min: 1, max: 50 * HOUR_MS }), (from, length) => {
        fc.pre(isInstant(from + length))
        const span = unwrap(period(from, from + length))
        const starts = hours(span)
        expect(starts[0]).toBe(hourStart(from))
        expect((starts.at(-1) ?? 0) + HOUR_MS).toBeGreaterThanOrEqual(span.to)
        starts.forEach((start, index) => {
          expect(start).toBe(hourStart(from) + index * HOUR_MS)
          expect(overlaps(span, { from: start, to: start + HOUR_MS })).toBe(true)
        })
      }),
    )
  })

  it('what two periods share is what both contain', () => {
    fc.assert(
      fc.property(periods, periods, nearby, (a, b, ms) => {
        const shared = intersect(a, b)
        expect(shared !== undefined && contains(shared, ms)).toBe(contains(a, ms) && contains(b, ms))
        expect(overlaps(a, b)).toBe(shared !== undefined)
        expect(intersect(b, a)).toEqual(shared)
        expect(intersect(a, a)).toEqual(a)
      }),
    )
  })

  it('a split period loses no time', () => {
    fc.assert(
      fc.property(periods, nearby, (span, cut) => {
        fc.pre(span.from < cut && cut < span.to)
        const [head, tail] = [unwrap(period(span.from, cut)), unwrap(period(cut, span.to))]
        expect(durationMs(head) + durationMs(tail)).toBe(durationMs(span))
        expect(overlaps(head, tail)).toBe(false)
      }),
    )
  })
})

it.each([
  ['Europe/Berlin', 2026, 3, 743],
  ['Europe/Berlin', 2026, 10, 745],
  ['Europe/Berlin', 2026, 1, 744],
  ['UTC', 2026, 3, 744],
  ['UTC', 2024, 2, 696],
  ['UTC', 2026, 2, 672],
  ['UTC', 2100, 2, 672],
  ['Asia/Kolkata', 2026, 3, 744],
  ['Australia/Lord_Howe', 2026, 4, 720.5],
  ['America/New_York', 2026, 11, 721],
])('H15: %s %i-%i has %d hours', (zone, year, month, expected) => {
  expect(durationMs(unwrap(monthOf(zone, year, month))) / HOUR_MS).toBe(expected)
})

it.each([
  ['Europe/Berlin', [2026, 3, 29], 23],
  ['Europe/Berlin', [2026, 10, 25], 25],
  ['America/Sao_Paulo', [2018, 11, 4], 23], // clocks went forward at midnight: the day began at one
  ['UTC', [2026, 3, 29], 24],
] as const)('the day of %s on %j has %i hours', (zone, [year, month, day], expected) => {
  expect(durationMs(unwrap(dayOf(zone, year, month, day))) / HOUR_MS).toBe(expected)
})

it('ends are not part of periods', () => {
  const hour = { from: HOUR_MS, to: 2 * HOUR_MS }
  expect([hour.from - 1, hour.from, hour.to - 1, hour.to].map((ms) => contains(hour, ms))).toEqual([
    false,
    true,
    true,
    false,
  ])
  expect(hours(hour)).toEqual([HOUR_MS])
  expect(hours({ from: hour.from, to: hour.to + 1 })).toEqual([HOUR_MS, 2 * HOUR_MS])
  expect(overlaps(hour, { from: hour.to, to: hour.to + 1 })).toBe(false)
})

it('places a month of a half-hour zone between UTC hours', () => {
  const march = unwrap(monthOf('Asia/Kolkata', 2026, 3))
  expect(formatInstant(march.from)).toBe('2026-02-28T18:30:00Z')
  expect(formatInstant(march.to)).toBe('2026-03-31T18:30:00Z')
  expect(hours(march)).toHaveLength(745)
})

it.each([
  '',
  '2026',
  '2026-03-01',
  '2026-03-01T00:00:00',
  '2026-03-01T00:00Z',
  '2026-03-01 00:00:00Z',
  '2026-03-01t00:00:00z',
  '2026-03-01T24:00:00Z',
  '2026-03-01T23:59:60Z',
  '2026-02-29T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-03-01T00:00:00+0100',
  '2026-03-01T00:00:00+24:00',
  '2026-03-01T00:00:00.1234Z',
  '2026-03-01T00:00:00.Z',
  '20260301T000000Z',
  '2026-03-01T00:00:00Z[UTC]',
  '1969-12-31T23:59:59Z',
  '1970-01-01T00:00:00+01:00',
  '9999-12-31T23:59:59-01:00',
  ' 2026-03-01T00:00:00Z',
])('refuses the instant %j', (text) => {
  expect(parseInstant(text)).toMatchObject({ ok: false, fault: { code: 'INSTANT_INVALID' } })
})

it.each([
  ['2026-03-01T00:00:00Z', '2026-03-01T00:00:00Z'],
  ['2026-03-01T01:30:00+01:30', '2026-03-01T00:00:00Z'],
  ['2026-02-28T19:00:00.5-05:00', '2026-03-01T00:00:00.500Z'],
  ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00Z'],
  ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
])('reads %s as %s', (text, normal) => {
  expect(formatInstant(unwrap(parseInstant(text)))).toBe(normal)
})

it('refuses a period that is empty, reversed or not of instants', () => {
  const day = '2026-03-01T00:00:00Z'
  expect(parsePeriod(day, day)).toMatchObject({ ok: false, fault: { code: 'PERIOD_REVERSED' } })
  expect(period(2, 1)).toMatchObject({ ok: false, fault: { code: 'PERIOD_REVERSED' } })
  expect(parsePeriod('x', day)).toMatchObject({ ok: false, fault: { code: 'INSTANT_INVALID' } })
  expect(parsePeriod(day, 'x')).toMatchObject({ ok: false, fault: { code: 'INSTANT_INVALID' } })
  for (const [from, to] of [
    [0.5, 2],
    [-1, 2],
    [0, Infinity],
    [Number.NaN, 2],
    [0, INSTANT_MAX_MS + 1],
  ] as const) {
    expect(period(from, to)).toMatchObject({ ok: false, fault: { code: 'INSTANT_INVALID' } })
  }
})

it.each(['', '+01:00', 'Europe/Atlantis', 'Europe/Berlin ', 'CEST-1', '01:00', '../etc', 'a'.repeat(100)])(
  'refuses the zone %j',
  (text) => {
    expect(parseZone(text)).toMatchObject({ ok: false, fault: { code: 'ZONE_UNKNOWN' } })
    expect(monthOf(text, 2026, 3)).toMatchObject({ ok: false, fault: { code: 'ZONE_UNKNOWN' } })
  },
)

it.each([
  [2026, 0, 1],
  [2026, 13, 1],
  [2026, 2, 29],
  [2026.5, 1, 1],
  [10_000, 1, 1],
  [1969, 1, 1],
  [Number.NaN, 1, 1],
])('refuses the day %d-%d-%d', (year, month, day) => {
  expect(dayOf('UTC', year, month, day)).toMatchObject({ ok: false, fault: { code: 'OUT_OF_RANGE' } })
})

it('reads a zone in its usual case', () => {
  expect(unwrap(parseZone('europe/berlin'))).toBe('Europe/Berlin')
  expect(unwrap(parseZone('UTC'))).toBe('UTC')
})

it('throws where only a defect can lead', () => {
  expect(() => formatInstant(-1)).toThrow(RangeError)
  expect(() => formatInstant(0.5)).toThrow(RangeError)
  expect(() => hours({ from: 0, to: INSTANT_MAX_MS })).toThrow(RangeError)
})
