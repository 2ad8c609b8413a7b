import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contains, formatInstant } from './period.ts'
import { WINDOWS, cutAtWindows, isWindowName, windowAt } from './window.ts'

const text = ({ from, to }: { from: number; to: number }) => [formatInstant(from), formatInstant(to)]

describe('windows', () => {
  test.each([
    ['quarter', '2026-03-31T21:59:59Z', '2025-12-31T23:00:00Z', '2026-03-31T22:00:00Z'],
    ['quarter', '2026-03-31T22:00:00Z', '2026-03-31T22:00:00Z', '2026-06-30T22:00:00Z'],
    ['quarter', '2026-12-01T00:00:00Z', '2026-09-30T22:00:00Z', '2026-12-31T23:00:00Z'],
    ['year', '2026-06-01T00:00:00Z', '2025-12-31T23:00:00Z', '2026-12-31T23:00:00Z'],
    // 29 February 2024, 12:00 in Berlin.
    ['contract-year', '2024-02-29T11:00:00Z', '2024-02-29T11:00:00Z', '2025-02-28T11:00:00Z'],
    ['contract-year', '2025-02-28T10:59:59Z', '2024-02-29T11:00:00Z', '2025-02-28T11:00:00Z'],
    ['contract-year', '2025-02-28T11:00:00Z', '2025-02-28T11:00:00Z', '2026-02-28T11:00:00Z'],
    ['contract-year', '2028-02-29T11:00:00Z', '2028-02-29T11:00:00Z', '2029-02-28T11:00:00Z'],
    ['year', '1970-01-01T00:00:00Z', '1970-01-01T00:00:00Z', '1970-12-31T23:00:00Z'],
    ['year', '9999-12-31T00:00:00Z', '9998-12-31T23:00:00Z', '9999-12-31T23:00:00Z'],
    ['year', '9999-12-31T23:30:00Z', '9999-12-31T23:00:00Z', '9999-12-31T23:59:59.999Z'],
  ] as const)('%s at %s in Berlin', (name, at, from, to) => {
    const place = { zone: 'Europe/Berlin', contractFromMs: Date.parse('2024-02-29T11:00:00Z') }
    expect(text(windowAt(name, Date.parse(at), place))).toEqual([from, to])
  })

  test('follow each other without a hole, and hold what they are asked for', () => {
    const zone = fc.constantFrom('Europe/Berlin', 'America/Sao_Paulo', 'UTC', 'Australia/Lord_Howe')
    const instant = fc.integer({ min: Date.UTC(1990, 0), max: Date.UTC(2040, 0) })
    fc.assert(
      fc.property(zone, fc.constantFrom(...WINDOWS), instant, instant, (name, window, a, b) => {
        const place = { zone: name, contractFromMs: Math.min(a, b) }
        const own = windowAt(window, Math.max(a, b), place)
        expect(contains(own, Math.max(a, b))).toBe(true)
        expect(windowAt(window, own.to, place).from).toBe(own.to)
        expect(windowAt(window, own.to - 1, place)).toEqual(own)
      }),
    )
  })

  test('cut a period where any of them ends', () => {
    const period = { from: Date.UTC(2026, 1, 1), to: Date.UTC(2026, 4, 1) }
    const place = { zone: 'UTC', contractFromMs: Date.UTC(2025, 2, 15) }
    expect(cutAtWindows(period, ['quarter', 'contract-year'], place).map(text)).toEqual([
      ['2026-02-01T00:00:00Z', '2026-03-15T00:00:00Z'],
      ['2026-03-15T00:00:00Z', '2026-04-01T00:00:00Z'],
      ['2026-04-01T00:00:00Z', '2026-05-01T00:00:00Z'],
    ])
    expect(cutAtWindows(period, [], place)).toEqual([period])
  })

  test.each([
    ['year', true],
    ['month', false],
    [7, false],
  ])('%j is the name of one: %s', (name, is) => expect(isWindowName(name)).toBe(is))
})
