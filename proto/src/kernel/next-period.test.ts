import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nextPeriod, periodAt, startsOf } from './next-period.ts'
import { durationMs, formatInstant } from './period.ts'

const span = (from: string, to: string) => ({ from: Date.parse(from), to: Date.parse(to) })

describe('the period after', () => {
  it.each([
    ['a month', '2026-01-31T23:00:00Z', '2026-02-28T23:00:00Z', '2026-03-31T22:00:00Z'],
    ['a month from another day', '2026-02-14T23:00:00Z', '2026-03-14T23:00:00Z', '2026-04-14T22:00:00Z'],
    ['a quarter', '2025-12-31T23:00:00Z', '2026-03-31T22:00:00Z', '2026-06-30T22:00:00Z'],
    ['a year', '2023-12-31T23:00:00Z', '2024-12-31T23:00:00Z', '2025-12-31T23:00:00Z'],
    ['30 days of March', '2026-03-01T23:00:00Z', '2026-03-31T22:00:00Z', '2026-04-30T22:00:00Z'],
    ['30 times 24 hours', '2026-03-01T23:00:00Z', '2026-03-31T23:00:00Z', '2026-04-30T23:00:00Z'],
    ['a day', '2026-03-27T23:00:00Z', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z'],
    ['a week', '2026-03-15T23:00:00Z', '2026-03-22T23:00:00Z', '2026-03-29T22:00:00Z'],
    ['an hour', '2026-03-29T00:00:00Z', '2026-03-29T01:00:00Z', '2026-03-29T02:00:00Z'],
    ['the hour that comes twice', '2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z', '2026-10-25T02:30:00Z'],
  ])('%s, in Berlin', (_, from, to, end) => {
    expect(formatInstant(nextPeriod(span(from, to), 'Europe/Berlin').to)).toBe(end)
  })

  it('follows at once, and is as long where it is no whole number of days', () => {
    const instant = fc.integer({ min: Date.UTC(2000, 0), max: Date.UTC(2040, 0) })
    const length = fc.integer({ min: 1, max: 27 * 86_400_000 }).filter((ms) => ms % 3_600_000 !== 0)
    fc.assert(
      fc.property(instant, length, fc.constantFrom('UTC', 'Europe/Berlin'), (from, ms, zone) => {
        const next = nextPeriod({ from, to: from + ms }, zone)
        expect([next.from, durationMs(next)]).toEqual([from + ms, ms])
      }),
    )
  })
})

describe('periods that follow each other', () => {
  const days = (from: string, to: string, zone = 'UTC'): string[] => {
    const start = startsOf(
      {
        from: Temporal.PlainDate.from(from).toZonedDateTime(zone).epochMilliseconds,
        to: Temporal.PlainDate.from(to).toZonedDateTime(zone).epochMilliseconds,
      },
      zone,
    )
    return [0, 1, 2, 3, 4].map((count) =>
      Temporal.Instant.fromEpochMilliseconds(start(count)).toZonedDateTimeISO(zone).toPlainDate().toString(),
    )
  }
  it.each([
    ['2026-01-31', '2026-02-28', ['2026-03-31', '2026-04-30', '2026-05-31']],
    ['2026-02-28', '2026-03-31', ['2026-04-30', '2026-05-31', '2026-06-30']],
    ['2026-03-31', '2026-04-30', ['2026-05-31', '2026-06-30', '2026-07-31']],
    ['2026-01-30', '2026-02-28', ['2026-03-30', '2026-04-30', '2026-05-30']],
    ['2026-02-28', '2026-03-28', ['2026-04-28', '2026-05-28', '2026-06-28']],
    ['2026-04-30', '2026-05-30', ['2026-06-30', '2026-07-30', '2026-08-30']],
    ['2023-02-28', '2024-02-29', ['2025-02-28', '2026-02-28', '2027-02-28']],
    ['2025-11-30', '2026-02-28', ['2026-05-30', '2026-08-30', '2026-11-30']],
  ])('from %s to %s go on with %j', (from, to, expected) => {
    expect(days(from, to)).toEqual([from, to, ...expected])
  })

  it('keep to midnight where clocks skip it', () => {
    // In 2018 clocks of São Paulo went from 0:00 to 1:00 on November 4.
    const zone = 'America/Sao_Paulo'
    expect(days('2018-11-04', '2018-12-04', zone)).toEqual([
      '2018-11-04',
      '2018-12-04',
      '2019-01-04',
      '2019-02-04',
      '2019-03-04',
    ])
    const from = Temporal.PlainDate.from('2018-11-04').toZonedDateTime(zone).epochMilliseconds
    const to = Temporal.PlainDate.from('2018-12-04').toZonedDateTime(zone).epochMilliseconds
    expect(formatInstant(startsOf({ from, to }, zone)(2))).toBe('2019-01-04T02:00:00Z')
  })

  it('ascend from the one given, whatever it is', () => {
    const instant = fc.integer({ min: Date.UTC(2000, 0), max: Date.UTC(2040, 0) })
    const hours = fc.integer({ min: 1, max: 24 * 800 })
    const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'America/Sao_Paulo', 'Pacific/Apia')
    fc.assert(
      fc.property(instant, hours, zones, (ms, length, zone) => {
        const from = ms - (ms % 3_600_000)
        const period = { from, to: from + length * 3_600_000 }
        const start = startsOf(period, zone)
        expect([start(0), start(1)]).toEqual([period.from, period.to])
        for (let count = 1; count < 40; count++) {
          expect(start(count)).toBeGreaterThan(start(count - 1))
          expect([periodAt(start(count) - 1, start), periodAt(start(count), start)]).toEqual([
            count - 1,
            count,
          ])
        }
      }),
      { numRuns: 300 },
    )
  })
})
