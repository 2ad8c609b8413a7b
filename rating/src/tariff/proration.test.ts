import type { CurrencyCode } from '@vouch/proto/kernel/currency.ts'
import { formatAmount, roundToMoney } from '@vouch/proto/kernel/money.ts'
import { type Period } from '@vouch/proto/kernel/period.ts'
import { type Rational, multiply, rational } from '@vouch/proto/kernel/rational.ts'
import { halfUp } from '@vouch/proto/kernel/rounding.ts'
import { describe, expect, test } from 'vitest'
import { type ProrationBasis, prorate } from './proration.ts'

const BERLIN = 'Europe/Berlin'

/** Local dates or times of the zone as a period. */
function span(from: string, to: string, zone = BERLIN): Period {
  const at = (text: string): number =>
    Temporal.PlainDateTime.from(text).toZonedDateTime(zone).epochMilliseconds
  return { from: at(from), to: at(to) }
}

function share(part: Period, whole: Period, basis: ProrationBasis, zone = BERLIN): string {
  const { numerator, denominator } = prorate(part, whole, basis, { zone })
  return `${numerator}/${denominator}`
}

function amount(price: bigint, fraction: Rational, currency: CurrencyCode = 'EUR'): string {
  return formatAmount(roundToMoney(multiply(rational(price), fraction), currency, halfUp))
}

describe('worked examples by days', () => {
  test.each<[string, [string, string], [string, string], string]>([
    ['15 of 31', ['2026-03-01', '2026-03-16'], ['2026-03-01', '2026-04-01'], '15/31'],
    ['a year from the 31st', ['2026-01-31', '2027-01-15'], ['2026-01-31', '2027-01-31'], '349/365'],
    ['1 to 15 January', ['2026-01-01', '2026-01-15'], ['2026-01-01', '2026-02-01'], '14/31'],
    ['a quarter', ['2026-04-01', '2026-05-03'], ['2026-04-01', '2026-07-01'], '32/91'],
    ['a leap year', ['2024-01-01', '2024-08-31'], ['2024-01-01', '2025-01-01'], '243/366'],
    ['15 March to the end', ['2026-03-15', '2026-04-01'], ['2026-03-01', '2026-04-01'], '17/31'],
    ['16 January, last day not in it', ['2026-01-16', '2026-01-31'], ['2026-01-01', '2026-01-31'], '15/30'],
    ['30 January, last day not in it', ['2026-01-30', '2026-01-31'], ['2026-01-01', '2026-01-31'], '1/30'],
    ['after one day of 30', ['2026-06-02', '2026-07-01'], ['2026-06-01', '2026-07-01'], '29/30'],
    ['28 February of a leap year', ['2024-02-28', '2024-03-01'], ['2024-02-01', '2024-03-01'], '2/29'],
    ['longer than the whole', ['2025-01-01', '2027-01-01'], ['2026-03-01', '2026-04-01'], '31/31'],
    ['nothing in common', ['2026-04-01', '2026-04-02'], ['2026-03-01', '2026-04-01'], '0/31'],
    ['from the 31st to the 28th', ['2026-02-01', '2026-02-28'], ['2026-01-31', '2026-02-28'], '27/28'],
    ['clocks forward', ['2026-03-29', '2026-03-30'], ['2026-03-01', '2026-04-01'], '1/31'],
    ['clocks back', ['2026-10-25', '2026-10-26'], ['2026-10-01', '2026-11-01'], '1/31'],
  ])('%s', (_, part, whole, expected) => {
    expect(share(span(...part), span(...whole), 'day')).toBe(expected)
    expect(share(span(...part), span(...whole), 'day-inclusive')).toBe(expected)
  })

  test.each<[bigint, string, CurrencyCode, string]>([
    [100n, '2026-03-16', 'USD', '48.39'],
    [100n, '2026-03-11', 'USD', '32.26'],
    [1000n, '2026-03-11', 'JPY', '323'],
    [100n, '2027-01-01', 'USD', '100.00'],
  ])('%d to %s in %s is %s', (price, to, currency, expected) => {
    const { fraction } = prorate(span('2026-03-01', to), span('2026-03-01', '2026-04-01'), 'day', {
      zone: BERLIN,
    })
    expect(amount(price, fraction, currency)).toBe(expected)
  })

  test('a quarter of 910.00 and a leap year of 1,188.00', () => {
    const quarter = span('2026-04-01', '2026-07-01')
    const year = span('2024-01-01', '2025-01-01')
    const used = (to: string, whole: Period): Rational =>
      prorate({ from: whole.from, to: span(to, '2030-01-01').from }, whole, 'day', { zone: BERLIN }).fraction
    expect(amount(910n, used('2026-05-03', quarter))).toBe('320.00')
    expect(amount(1188n, used('2024-08-31', year))).toBe('788.75')
  })
})

test('the day of a change is of the earlier part, or of the later one where it is inclusive', () => {
  const whole = span('2026-03-01', '2026-04-01')
  const [before, after] = [span('2026-03-01', '2026-03-15T12:00'), span('2026-03-15T12:00', '2026-04-01')]
  expect([before, after].map((part) => share(part, whole, 'day'))).toEqual(['15/31', '16/31'])
  expect([before, after].map((part) => share(part, whole, 'day-inclusive'))).toEqual(['14/31', '17/31'])
  const { fraction } = prorate(after, whole, 'day-inclusive', { zone: BERLIN })
  expect([amount(-10n, fraction), amount(20n, fraction)]).toEqual(['-5.48', '10.97'])
})

describe('months of 30 days', () => {
  test.each<[string, [string, string], [string, string], string]>([
    ['23 May to 15 June', ['2023-05-23', '2023-06-15'], ['2023-05-15', '2023-06-15'], '22/30'],
    ['15 to 23 May', ['2023-05-15', '2023-05-23'], ['2023-05-15', '2023-06-15'], '8/30'],
    ['23 February to 15 March', ['2023-02-23', '2023-03-15'], ['2023-02-15', '2023-03-15'], '22/30'],
    ['a quarter', ['2026-01-01', '2026-02-01'], ['2026-01-01', '2026-04-01'], '30/90'],
    ['a leap year', ['2024-02-01', '2024-03-01'], ['2024-01-01', '2025-01-01'], '30/360'],
    ['a month from the 31st', ['2026-02-10', '2026-02-28'], ['2026-01-31', '2026-02-28'], '20/30'],
    ['a month to the 31st', ['2026-02-28', '2026-03-10'], ['2026-02-28', '2026-03-31'], '10/30'],
    ['the 30th of a long month', ['2026-01-30', '2026-01-31'], ['2026-01-01', '2026-02-01'], '0/30'],
    ['the 31st', ['2026-01-31', '2026-02-01'], ['2026-01-01', '2026-02-01'], '1/30'],
    ['the last of February', ['2026-02-28', '2026-03-01'], ['2026-02-01', '2026-03-01'], '1/30'],
    ['the last but one', ['2026-02-27', '2026-02-28'], ['2026-02-01', '2026-03-01'], '3/30'],
    ['a change inside a day', ['2026-03-01', '2026-03-15T12:00'], ['2026-03-01', '2026-04-01'], '15/30'],
  ])('%s', (_, part, whole, expected) => {
    expect(share(span(...part), span(...whole), 'fixed-30')).toBe(expected)
  })
})

describe('clocks that change', () => {
  test('elapsed time counts the hours that there were', () => {
    const [march, october] = [span('2026-03-01', '2026-04-01'), span('2026-10-01', '2026-11-01')]
    expect(share(span('2026-03-29', '2026-03-30'), march, 'second')).toBe('82800000/2674800000')
    expect(share(span('2026-10-25', '2026-10-26'), october, 'second')).toBe('90000000/2682000000')
  })

  test('a day without midnight counts from its first instant', () => {
    const zone = 'America/Sao_Paulo'
    const whole = span('2018-11-01', '2018-12-01', zone)
    const sunday = span('2018-11-04T01:00', '2018-11-05', zone)
    expect(sunday.to - sunday.from).toBe(23 * 3_600_000)
    expect(share(sunday, whole, 'day', zone)).toBe('1/30')
    expect(share(sunday, whole, 'day-inclusive', zone)).toBe('1/30')
    expect(share({ ...sunday, from: sunday.from + 1 }, whole, 'day', zone)).toBe('0/30')
  })

  test('a day begins once where midnight is repeated', () => {
    const zone = 'America/Havana'
    const whole = span('2026-11-01', '2026-12-01', zone)
    const second = { from: whole.from + 3_600_000, to: whole.to }
    expect(share(second, whole, 'day', zone)).toBe('29/30')
    expect(share(second, whole, 'day-inclusive', zone)).toBe('30/30')
  })

  test('a day that has begun stays so where clocks show the day before once more', () => {
    const zone = 'America/St_Johns'
    const whole = span('2006-10-01', '2006-11-01', zone)
    const sunday = span('2006-10-29', '2006-10-30', zone)
    const again = { from: sunday.from + 30 * 60_000, to: sunday.to }
    const shown = Temporal.Instant.fromEpochMilliseconds(again.from).toZonedDateTimeISO(zone)
    expect(shown.toPlainDate().toString()).toBe('2006-10-28')
    expect(share(again, whole, 'day', zone)).toBe('0/31')
    expect(share(again, whole, 'day-inclusive', zone)).toBe('1/31')
  })

  test('a date that was skipped counts with the day before it', () => {
    const zone = 'Pacific/Apia'
    const whole = span('2011-12-01', '2012-01-01', zone)
    expect(share(span('2011-12-29', '2011-12-31', zone), whole, 'day', zone)).toBe('2/31')
    expect(share(span('2011-12-31', '2012-01-01', zone), whole, 'day', zone)).toBe('1/31')
  })
})

test('a whole without a day is measured by elapsed time', () => {
  const whole = span('2026-03-15T12:00', '2026-03-15T16:00')
  for (const basis of ['second', 'day', 'day-inclusive', 'fixed-30'] as const) {
    expect(share(span('2026-03-15T12:00', '2026-03-15T13:00'), whole, basis)).toBe('3600000/14400000')
  }
})

test('without proration any part is the whole', () => {
  const whole = span('2026-03-01', '2026-04-01')
  const parts = [span('2026-03-01', '2026-03-15'), span('2026-03-15', '2026-04-01')]
  expect(parts.map((part) => share(part, whole, 'none'))).toEqual(['1/1', '1/1'])
  expect(share(span('2026-04-01', '2026-05-01'), whole, 'none')).toBe('0/1')
})

test('the trace says what was counted', () => {
  const whole = span('2026-01-01', '2026-01-31', 'UTC')
  const result = prorate(span('2026-01-16', '2026-02-10', 'UTC'), whole, 'day', { zone: 'UTC' })
  expect(result).toEqual({
    fraction: rational(1n, 2n),
    numerator: 15n,
    denominator: 30n,
    basis: 'day',
    trace: {
      rule: 'proration day UTC',
      input:
        '15 of 30 day: 2026-01-16T00:00:00Z/2026-02-10T00:00:00Z of 2026-01-01T00:00:00Z/2026-01-31T00:00:00Z',
      output: '15/30',
    },
  })
  expect(prorate(whole, whole, 'second', { zone: 'UTC' }).trace.rule).toBe('proration second')
})
