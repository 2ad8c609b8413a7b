import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WEEKDAYS, type Window, checkWindows, cutByWindows } from './calendar-windows.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

const zones = fc.constantFrom(
  'UTC',
  'Europe/Berlin',
  'America/Sao_Paulo',
  'America/Havana',
  'America/St_Johns',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'Pacific/Apia',
)
/** Near changes of clocks, of which some are over midnight, by half an hour or by a whole day. */
const changes = fc
  .constantFrom(
    '2026-03-29T01:00Z',
    '2026-10-25T01:00Z',
    '2018-11-04T03:00Z',
    '2018-02-18T02:00Z',
    '2026-11-01T05:00Z',
    '2006-10-29T02:31Z',
    '2026-04-04T15:00Z',
    '2011-12-30T10:00Z',
    '2024-02-29T00:00Z',
  )
  .map((text) => Temporal.Instant.from(text).epochMilliseconds)
const periods = fc
  .tuple(changes, fc.integer({ min: -DAY_MS, max: DAY_MS }), fc.integer({ min: 1, max: 2 * DAY_MS }))
  .map(([change, after, length]) => ({ from: change + after, to: change + after + length }))
const twoDigits = (number: number): string => `${number}`.padStart(2, '0')
const times = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.constantFrom(0, 1, 30, 59))
  .map(([hour, minute]) => `${twoDigits(hour)}:${twoDigits(minute)}`)
const dates = fc.constantFrom(
  '2026-03-29',
  '2026-10-25',
  '2018-11-03',
  '2018-11-04',
  '2006-10-28',
  '2006-10-29',
  '2011-12-29',
  '2011-12-30',
  '2011-12-31',
)
const windows = fc
  .record(
    {
      name: fc.constantFrom('a', 'b', 'c'),
      days: fc.uniqueArray(fc.constantFrom(...WEEKDAYS), { minLength: 1 }),
      from: times,
      to: fc.oneof(times, fc.constant('24:00')),
      dates: fc.uniqueArray(dates, { minLength: 1 }),
    },
    { requiredKeys: ['name'] },
  )
  .filter((window) => checkWindows([window]).length === 0)
const lists = fc.array(windows, { maxLength: 4 })

/** The slow reference: what the clock on the wall says about one instant. */
function windowAt(ms: number, list: readonly Window[], zone: string): string {
  const local = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone)
  const time = local.toPlainTime().toString({ smallestUnit: 'minute' })
  const begins = ({ days, dates: listed }: Window, date: Temporal.PlainDate): boolean =>
    (days === undefined && listed === undefined) ||
    (days ?? []).some((day) => WEEKDAYS.indexOf(day) + 1 === date.dayOfWeek) ||
    (listed ?? []).includes(date.toString())
  const today = local.toPlainDate()
  const found = list.find((window) => {
    const { from = '00:00', to = '24:00' } = window
    if (from < to) return begins(window, today) && from <= time && time < to
    return (
      (begins(window, today) && from <= time) || (begins(window, today.subtract({ days: 1 })) && time < to)
    )
  })
  return found?.name ?? 'base'
}

test('parts cover the period exactly, and neighbours differ', () => {
  fc.assert(
    fc.property(periods, lists, zones, (period, list, zone) => {
      const parts = unwrap(cutByWindows(period, list, 'base', zone))
      expect(parts[0]?.period.from).toBe(period.from)
      expect(parts.at(-1)?.period.to).toBe(period.to)
      parts.forEach((part, index) => {
        const next = parts[index + 1]
        expect(part.period.from).toBeLessThan(part.period.to)
        if (next === undefined) return
        expect(next.period.from).toBe(part.period.to)
        expect(next.window).not.toBe(part.window)
      })
    }),
    { numRuns: 300 },
  )
})

test('every minute has the window that the clock on the wall says', () => {
  fc.assert(
    fc.property(periods, lists, zones, (period, list, zone) => {
      const parts = unwrap(cutByWindows(period, list, 'base', zone))
      const wrong: string[] = []
      for (const { period: part, window } of parts) {
        const firstMinute = Math.ceil(part.from / MINUTE_MS) * MINUTE_MS
        const instants = [part.from, part.to - 1]
        for (let ms = firstMinute; ms < part.to; ms += MINUTE_MS) instants.push(ms)
        for (const ms of instants) {
          if (windowAt(ms, list, zone) !== window) wrong.push(`${formatInstant(ms)} is not ${window}`)
        }
      }
      expect(wrong).toEqual([])
    }),
    { numRuns: 40 },
  )
})

test('a cut of the period changes no window', () => {
  fc.assert(
    fc.property(
      periods,
      lists,
      zones,
      fc.double({ min: 0, max: 1, noNaN: true }),
      (period, list, zone, at) => {
        const middle = period.from + Math.floor((period.to - period.from) * at)
        fc.pre(period.from < middle && middle < period.to)
        const parts = (from: number, to: number): unknown[] =>
          unwrap(cutByWindows({ from, to }, list, 'base', zone)).flatMap(({ period: part, window }) =>
            part.from < middle && middle < part.to
              ? [
                  { from: part.from, to: middle, window },
                  { from: middle, to: part.to, window },
                ]
              : [{ ...part, window }],
          )
        expect([...parts(period.from, middle), ...parts(middle, period.to)]).toEqual(
          parts(period.from, period.to),
        )
      },
    ),
    { numRuns: 200 },
  )
})
