import type { Period } from './period.ts'
import { describe, expect, test } from 'vitest'
import { type Step, cutByGrain, cutBySteps } from './calendar-steps.ts'

const MINUTE_MS = 60_000
const BERLIN = 'Europe/Berlin'

/** Local times of the zone as a period. */
function span(from: string, to: string, zone = BERLIN): Period {
  const at = (text: string): number =>
    Temporal.PlainDateTime.from(text).toZonedDateTime(zone).epochMilliseconds
  return { from: at(from), to: at(to) }
}

/** Starts of the parts by the clock on the wall; that they cover the period is seen to. */
function starts(period: Period, step: Step, zone = BERLIN): string[] {
  const parts = cutBySteps(period, step, zone)
  expect(parts.map(({ from }) => from)).toEqual([period.from, ...parts.slice(0, -1).map(({ to }) => to)])
  expect(parts.at(-1)?.to).toBe(period.to)
  return parts.map(({ from }) => {
    const local = Temporal.Instant.fromEpochMilliseconds(from).toZonedDateTimeISO(zone)
    return local.toPlainDateTime().toString({ smallestUnit: 'minute' })
  })
}

/** Minutes of each part. */
function minutes(period: Period, step: Step, zone = BERLIN): number[] {
  return cutBySteps(period, step, zone).map(({ from, to }) => (to - from) / MINUTE_MS)
}

describe('where parts begin', () => {
  test.each<[string, Step, [string, string], string[]]>([
    ['an hour exactly', 'hour', ['2026-03-02T10:00', '2026-03-02T11:00'], ['2026-03-02T10:00']],
    ['a part of an hour', 'hour', ['2026-03-02T10:15', '2026-03-02T10:45'], ['2026-03-02T10:15']],
    [
      'over hours',
      'hour',
      ['2026-03-02T10:15', '2026-03-02T12:30'],
      ['2026-03-02T10:15', '2026-03-02T11:00', '2026-03-02T12:00'],
    ],
    [
      'over midnight by hours',
      'hour',
      ['2026-03-02T23:30', '2026-03-03T00:30'],
      ['2026-03-02T23:30', '2026-03-03T00:00'],
    ],
    ['a day exactly', 'day', ['2026-03-02', '2026-03-03'], ['2026-03-02T00:00']],
    [
      'over midnight by days',
      'day',
      ['2026-03-02T23:59', '2026-03-04T00:01'],
      ['2026-03-02T23:59', '2026-03-03T00:00', '2026-03-04T00:00'],
    ],
    ['a month exactly', 'month', ['2026-02-01', '2026-03-01'], ['2026-02-01T00:00']],
    [
      'over months',
      'month',
      ['2026-01-15T12:00', '2026-03-01T00:01'],
      ['2026-01-15T12:00', '2026-02-01T00:00', '2026-03-01T00:00'],
    ],
    [
      'over a year by months',
      'month',
      ['2025-12-31', '2026-01-02'],
      ['2025-12-31T00:00', '2026-01-01T00:00'],
    ],
    ['a year exactly', 'year', ['2024-01-01', '2025-01-01'], ['2024-01-01T00:00']],
    [
      'over years',
      'year',
      ['2024-02-29T12:00', '2026-01-01T00:01'],
      ['2024-02-29T12:00', '2025-01-01T00:00', '2026-01-01T00:00'],
    ],
  ])('%s', (_, step, [from, to], expected) => {
    expect(starts(span(from, to), step)).toEqual(expected)
  })

  test('a millisecond is one part, and one over midnight are two', () => {
    const { from } = span('2026-03-02', '2026-03-03')
    for (const step of ['hour', 'day', 'month', 'year'] as const)
      expect(cutBySteps({ from, to: from + 1 }, step, BERLIN)).toEqual([{ from, to: from + 1 }])
    for (const grain of ['hour', 'day'] as const)
      expect(cutByGrain({ from: from - 1, to: from + 1 }, grain, BERLIN)).toEqual([
        { from: from - 1, to: from },
        { from, to: from + 1 },
      ])
  })

  test('days are those of the zone', () => {
    const period = span('2026-03-01T18:00', '2026-03-01T19:00', 'UTC')
    expect(starts(period, 'day', 'UTC')).toEqual(['2026-03-01T18:00'])
    expect(starts(period, 'day', 'Asia/Kathmandu')).toEqual(['2026-03-01T23:45', '2026-03-02T00:00'])
    expect(starts(period, 'hour', 'Asia/Kathmandu')).toEqual(['2026-03-01T23:45', '2026-03-02T00:00'])
    expect(starts(span('2025-12-31T22:30', '2025-12-31T23:30', 'UTC'), 'year', BERLIN)).toEqual([
      '2025-12-31T23:30',
      '2026-01-01T00:00',
    ])
  })
})

describe('clocks that change', () => {
  const hours = (count: number, ...rest: number[]): number[] => [...Array<number>(count).fill(60), ...rest]

  test.each<[string, string, [string, string], number[], number[]]>([
    ['forward', BERLIN, ['2026-03-29', '2026-03-30'], hours(23), [1380]],
    ['back', BERLIN, ['2026-10-25', '2026-10-26'], hours(25), [1500]],
    [
      'back, and the days beside it',
      BERLIN,
      ['2026-10-24', '2026-10-27'],
      hours(24 + 25 + 24),
      [1440, 1500, 1440],
    ],
    ['forward by half an hour', 'Australia/Lord_Howe', ['2026-10-04', '2026-10-05'], hours(23, 30), [1410]],
    ['back by half an hour', 'Australia/Lord_Howe', ['2026-04-05', '2026-04-06'], hours(24, 30), [1470]],
    ['a day without midnight', 'America/Sao_Paulo', ['2018-11-04', '2018-11-05'], hours(23), [1380]],
    ['a date that was skipped', 'Pacific/Apia', ['2011-12-29', '2012-01-01'], hours(48), [1440, 1440]],
    [
      'back from one minute past midnight',
      'America/St_Johns',
      ['2006-10-28', '2006-10-30'],
      hours(49),
      [1440, 1500],
    ],
  ])('%s', (_, zone, [from, to], byHour, byDay) => {
    const period = span(from, to, zone)
    expect(minutes(period, 'hour', zone)).toEqual(byHour)
    expect(minutes(period, 'day', zone)).toEqual(byDay)
  })

  test('months have the hours that they have', () => {
    expect(minutes(span('2026-03-01', '2026-05-01'), 'month')).toEqual([(31 * 24 - 1) * 60, 30 * 24 * 60])
    expect(minutes(span('2026-10-01', '2026-11-01'), 'month')).toEqual([(31 * 24 + 1) * 60])
    expect(minutes(span('2024-01-01', '2026-01-01'), 'year')).toEqual([366 * 1440, 365 * 1440])
  })
})
