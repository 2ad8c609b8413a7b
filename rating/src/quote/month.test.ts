import { expect, test } from 'vitest'
import { ask, per, tiers } from '../testing/quotes.ts'

const at = (day: string): string => `${day}T00:00:00+0${day < '2026-03-29' ? 1 : 2}:00`
const days = (from: string, to: string): object => ({ from: at(from), to: at(to) })
const calls = { meters: ['app.calls'] }
const traffic = { meters: ['host.network.transmitted'] }

/**
 * A month in Berlin, of 743 hours, with a contract that changes on the 11th and on the 21st. By hand:
 *
 * | line            |                                                                        |     EUR |
 * | --------------- | ---------------------------------------------------------------------- | ------: |
 * | basic           | 310.00 for 10 of 31 days                                               |  100.00 |
 * | plus            | 620.00 for 10 of 31 days                                               |  200.00 |
 * | max             | 930.00 for 11 of 31 days                                               |  330.00 |
 * | calls           | 3,000 until the 11th: 1,000 at 0.01, 2,000 at 0.005                    |   20.00 |
 * | calls-plus      | 4,500 from the 11th, tiers go on at 3,000: 4,500 at 0.004              |   18.00 |
 * | calls, February | known now 5,200, billed 5,000: 200 at 0.005, the tier that it had      |    1.00 |
 * | traffic         | vm:a 12.3 GB, a reset inside, and vm:b 4.2 GB: 17 GB of which 5 are free, at 0.09 | 1.08 |
 * | commit          | 800.00 are committed, 670.08 are used                                  |  129.92 |
 * | partner         | 5 per cent of the usage lines, 40.08                                   |   -2.00 |
 * | credit          | 25.00 of a grant that expires in April, 100.00 of a later one          | -125.00 |
 * |                 |                                                                        |  673.00 |
 */
test('a contract of seven rules that changes twice gives what was computed by hand', () => {
  const graduated = (first: string, rest: string): object =>
    tiers('graduated', [
      ['1000', first],
      ['', rest],
    ])
  const usageOf = (id: string, price: object, more: object): object => ({
    kind: 'usage',
    id,
    select: calls,
    price,
    ...more,
  })
  const fee = (id: string, amount: string, effective: object): object => ({
    kind: 'fee',
    id,
    amount,
    effective,
  })
  const february = days('2026-02-01', '2026-03-01')
  const { lines, total, balances, unpriced } = ask({
    zone: 'Europe/Berlin',
    period: days('2026-03-01', '2026-04-01'),
    rules: [
      fee('basic', '310', days('2026-03-01', '2026-03-11')),
      fee('plus', '620', days('2026-03-11', '2026-03-21')),
      fee('max', '930', days('2026-03-21', '2026-04-01')),
      usageOf('calls', graduated('0.01', '0.005'), {
        late: 'own-period',
        effective: days('2026-02-01', '2026-03-11'),
      }),
      usageOf('calls-plus', graduated('0.008', '0.004'), {
        continues: 'calls',
        effective: days('2026-03-11', '2026-04-01'),
      }),
      {
        kind: 'usage',
        id: 'traffic',
        select: traffic,
        unit: 'GB',
        rounding: { mode: 'ceiling', scale: 0 },
        free: { quantity: '5', stage: 'after-rounding' },
        price: per('0.09'),
      },
      { kind: 'commitment', id: 'commit', amount: '800' },
      { kind: 'discount', id: 'partner', percent: '5', of: ['calls', 'calls-plus', 'traffic'] },
      {
        kind: 'credit',
        id: 'credit',
        grants: [
          { id: 'later', amount: '100', expires: at('2026-12-31') },
          { id: 'spring', amount: '25', expires: at('2026-04-20') },
          { id: 'lost', amount: '50', expires: at('2026-02-20') },
        ],
      },
    ],
    usage: [
      { meter: 'app.calls', quantity: '5200', period: february },
      { meter: 'app.calls', quantity: '3000', period: days('2026-03-01', '2026-03-11') },
      // A gap from the 11th to the 14th: nothing is invented for it.
      { meter: 'app.calls', quantity: '4500', period: days('2026-03-14', '2026-04-01') },
      // The counter was reset on the 9th: two epochs, each the difference of its own register.
      {
        meter: 'host.network.transmitted',
        resource: 'vm:a',
        unit: 'B',
        quantity: '8100000000',
        period: days('2026-03-01', '2026-03-09'),
      },
      {
        meter: 'host.network.transmitted',
        resource: 'vm:a',
        unit: 'B',
        quantity: '4200000000',
        period: days('2026-03-09', '2026-04-01'),
      },
      { meter: 'host.network.transmitted', resource: 'vm:b', unit: 'B', quantity: '4200000000' },
      { meter: 'app.unknown', quantity: '1' },
    ],
    billed: [{ rule: 'calls', period: february, quantity: '5000' }],
  })
  expect(lines.map(({ rule, kind, amount }) => `${rule} ${kind} ${amount}`)).toEqual([
    'basic fee 100.00',
    'plus fee 200.00',
    'max fee 330.00',
    'calls late-usage 1.00',
    'calls usage 20.00',
    'calls-plus usage 18.00',
    'traffic usage 1.08',
    'commit true-up 129.92',
    'partner discount -2.00',
    'credit credit -25.00',
    'credit credit -100.00',
  ])
  expect(total).toBe('673.00')
  expect(balances).toEqual([
    { grant: 'lost', used: '0.00', left: '50.00' },
    { grant: 'spring', used: '25.00', left: '0.00' },
    { grant: 'later', used: '100.00', left: '0.00' },
  ])
  expect(unpriced).toMatchObject([{ pointer: '/usage/6', meter: 'app.unknown' }])
})
