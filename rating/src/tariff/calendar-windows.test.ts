import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { type Period, formatInstant } from '@vouch/proto/kernel/period.ts'
import { describe, expect, test } from 'vitest'
import { type Window, checkWindows, cutByWindows } from './calendar-windows.ts'

const BERLIN = 'Europe/Berlin'
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

/** Local dates or times of the zone as a period. */
function span(from: string, to: string, zone = BERLIN): Period {
  const at = (text: string): number =>
    Temporal.PlainDateTime.from(text).toZonedDateTime(zone).epochMilliseconds
  return { from: at(from), to: at(to) }
}

/** The parts as local start and name. */
function cut(period: Period, windows: readonly Window[], zone = BERLIN): string[] {
  return unwrap(cutByWindows(period, windows, 'base', zone)).map(({ period: { from }, window }) => {
    const local = Temporal.Instant.fromEpochMilliseconds(from).toZonedDateTimeISO(zone)
    return `${local.toPlainDateTime().toString({ smallestUnit: 'minute' })} ${window}`
  })
}

/** Hours of each name. */
function hours(period: Period, windows: readonly Window[], zone = BERLIN): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const { period: part, window } of unwrap(cutByWindows(period, windows, 'base', zone))) {
    sums[window] = (sums[window] ?? 0) + (part.to - part.from) / HOUR_MS
  }
  return sums
}

describe('worked examples', () => {
  const peak: Window = {
    name: 'peak',
    days: ['monday', 'tuesday', 'wednesday', 'thursday', 'friday'],
    from: '08:00',
    to: '20:00',
  }
  const holiday: Window = { name: 'holiday', dates: ['2026-12-25', '2026-12-26'] }
  const night: Window = { name: 'night', days: ['friday'], from: '22:00', to: '06:00' }

  test('working hours from Friday to Monday', () => {
    expect(cut(span('2026-11-27', '2026-12-01'), [peak])).toEqual([
      '2026-11-27T00:00 base',
      '2026-11-27T08:00 peak',
      '2026-11-27T20:00 base',
      '2026-11-30T08:00 peak',
      '2026-11-30T20:00 base',
    ])
  })

  test('the first window that matches wins', () => {
    const christmas = span('2026-12-24T12:00', '2026-12-27')
    expect(cut(christmas, [holiday, peak])).toEqual([
      '2026-12-24T12:00 peak',
      '2026-12-24T20:00 base',
      '2026-12-25T00:00 holiday',
    ])
    expect(cut(christmas, [peak, holiday])).toEqual([
      '2026-12-24T12:00 peak',
      '2026-12-24T20:00 base',
      '2026-12-25T00:00 holiday',
      '2026-12-25T08:00 peak',
      '2026-12-25T20:00 holiday',
    ])
  })

  test('over midnight a window belongs to the day on which it begins', () => {
    expect(cut(span('2026-11-27', '2026-11-29'), [night])).toEqual([
      '2026-11-27T00:00 base',
      '2026-11-27T22:00 night',
      '2026-11-28T06:00 base',
    ])
    expect(cut(span('2026-11-28T03:00', '2026-11-28T07:00'), [night])).toEqual([
      '2026-11-28T03:00 night',
      '2026-11-28T06:00 base',
    ])
  })

  test('to midnight is written either way', () => {
    const day = span('2026-11-27', '2026-11-29')
    const late: Window = { ...night, to: '24:00' }
    expect(cut(day, [late])).toEqual([
      '2026-11-27T00:00 base',
      '2026-11-27T22:00 night',
      '2026-11-28T00:00 base',
    ])
    expect(cut(day, [{ ...late, to: '00:00' }])).toEqual(cut(day, [late]))
  })

  test('dates are beside weekdays, and both may be left out', () => {
    const sundays: Window = { name: 'free', days: ['sunday'], dates: ['2026-11-27'] }
    expect(cut(span('2026-11-27', '2026-11-30'), [sundays])).toEqual([
      '2026-11-27T00:00 free',
      '2026-11-28T00:00 base',
      '2026-11-29T00:00 free',
    ])
    expect(cut(span('2026-11-27', '2026-12-30'), [{ name: 'all' }])).toEqual(['2026-11-27T00:00 all'])
  })

  test('windows of one name that touch are one part', () => {
    const halves = [
      { name: 'day', from: '08:00', to: '12:00' },
      { name: 'day', from: '12:00', to: '18:00' },
    ]
    expect(cut(span('2026-11-27', '2026-11-28'), halves)).toEqual([
      '2026-11-27T00:00 base',
      '2026-11-27T08:00 day',
      '2026-11-27T18:00 base',
    ])
  })

  test('without windows the period is one part', () => {
    const period = span('2026-01-01', '2027-01-01')
    expect(cutByWindows(period, [], 'base', BERLIN)).toEqual({
      ok: true,
      value: [{ period, window: 'base' }],
    })
  })

  test('the first days of 1970 west of Greenwich', () => {
    const window: Window = { name: 'w', days: ['wednesday'], from: '20:00' }
    expect(cut({ from: 0, to: DAY_MS }, [window], 'America/New_York')).toEqual([
      '1969-12-31T19:00 base',
      '1969-12-31T20:00 w',
      '1970-01-01T00:00 base',
    ])
  })
})

describe('clocks that change', () => {
  const third: Window = { name: 'third hour', from: '02:00', to: '03:00' }

  test('a window in a skipped hour has no instant', () => {
    expect(hours(span('2026-03-29', '2026-03-30'), [third])).toEqual({ base: 23 })
  })

  test('a window in a repeated hour has both', () => {
    expect(cut(span('2026-10-25', '2026-10-26'), [third])).toEqual([
      '2026-10-25T00:00 base',
      '2026-10-25T02:00 third hour',
      '2026-10-25T03:00 base',
    ])
    expect(hours(span('2026-10-25', '2026-10-26'), [third])).toEqual({ base: 23, 'third hour': 2 })
  })

  test('a window that ends inside of a skipped hour is shorter, inside of a repeated one it comes twice', () => {
    const window: Window = { name: 'w', from: '01:00', to: '02:30' }
    expect(hours(span('2026-03-29', '2026-03-30'), [window])).toEqual({ base: 22, w: 1 })
    const autumn = unwrap(cutByWindows(span('2026-10-25', '2026-10-26'), [window], 'base', BERLIN))
    expect(autumn.map(({ period, window: name }) => [formatInstant(period.from), name])).toEqual([
      ['2026-10-24T22:00:00Z', 'base'],
      ['2026-10-24T23:00:00Z', 'w'],
      ['2026-10-25T00:30:00Z', 'base'],
      ['2026-10-25T01:00:00Z', 'w'],
      ['2026-10-25T01:30:00Z', 'base'],
    ])
  })

  test('a day without midnight begins with its first instant', () => {
    const zone = 'America/Sao_Paulo'
    const sunday: Window = { name: 'sunday', days: ['sunday'] }
    expect(cut(span('2018-11-03', '2018-11-06', zone), [sunday], zone)).toEqual([
      '2018-11-03T00:00 base',
      '2018-11-04T01:00 sunday',
      '2018-11-05T00:00 base',
    ])
    expect(hours(span('2018-11-03', '2018-11-06', zone), [sunday], zone)).toEqual({ base: 48, sunday: 23 })
  })
})

test('all that is wrong is said at once', () => {
  const windows = [
    { name: '', from: '24:00', to: '8:00' },
    { name: 'a', days: ['monday', 'tusday', 'x'], dates: ['2026-02-29', '2028-02-29', '1 May'] },
    { name: 'b', days: [], dates: [] },
    { name: 'c', from: '08:00', to: '08:00' },
    { name: 'd', to: '00:00' },
    { name: 'e', from: '23:60', to: '24:01' },
    { name: 'sound', from: '22:00', to: '06:00', days: ['sunday'], dates: ['2026-12-25'] },
  ] as Window[]
  const faults = checkWindows(windows)
  expect(faults.map(({ pointer }) => pointer)).toEqual([
    '/0/name',
    '/0/from',
    '/0/to',
    '/1/days/1',
    '/1/days/2',
    '/1/dates/0',
    '/1/dates/2',
    '/2/days',
    '/2/dates',
    '/3/to',
    '/4/to',
    '/5/from',
    '/5/to',
  ])
  expect(new Set(faults.map(({ code }) => code))).toEqual(new Set(['TARIFF_INVALID']))
  expect(faults[3]?.message).toBe('there is no weekday "tusday"; did you mean "tuesday"?')
  expect(cutByWindows(span('2026-01-01', '2026-01-02'), windows, 'base', BERLIN)).toMatchObject({
    ok: false,
    fault: { code: 'TARIFF_INVALID', causes: faults },
  })
})

describe('bounds', () => {
  const code = (result: ReturnType<typeof cutByWindows>): string => (result.ok ? 'ok' : result.fault.code)
  const noon: Window = { name: 'noon', from: '12:00', to: '13:00' }

  test('100,000 parts, and not one more', () => {
    const twice = [noon, { ...noon, from: '18:00', to: '19:00' }]
    const period = { from: 0, to: 25_000 * DAY_MS - 5 * HOUR_MS }
    expect(unwrap(cutByWindows(period, twice, 'base', 'UTC'))).toHaveLength(100_000)
    expect(code(cutByWindows({ from: 0, to: period.to + 1 }, twice, 'base', 'UTC'))).toBe('OUT_OF_RANGE')
  })

  test('36,600 days, whatever the parts', () => {
    expect(cut({ from: 0, to: 36_600 * DAY_MS }, [], 'UTC')).toHaveLength(1)
    expect(code(cutByWindows({ from: 0, to: 36_600 * DAY_MS + 1 }, [], 'base', 'UTC'))).toBe('OUT_OF_RANGE')
  })

  test('1,000 dates', () => {
    const dates = Array.from({ length: 1001 }, () => '2026-12-25')
    expect(checkWindows([{ name: 'w', dates: dates.slice(1) }])).toEqual([])
    expect(checkWindows([{ name: 'w', dates }])).toMatchObject([{ pointer: '/0/dates' }])
  })

  test('100 windows', () => {
    expect(checkWindows(Array.from({ length: 100 }, () => noon))).toEqual([])
    expect(checkWindows(Array.from({ length: 101 }, () => noon))).toMatchObject([{ pointer: '' }])
  })

  test('a zone that does not exist', () => {
    expect(code(cutByWindows({ from: 0, to: 1 }, [noon], 'base', 'Europe/Bonn'))).toBe('ZONE_UNKNOWN')
  })
})
