import { describe, expect, test } from 'vitest'
import { amounts, ask, per, period, units, use } from '../testing/quotes.ts'

const fee = (id: string, amount: string, more: object = {}): object => ({ kind: 'fee', id, amount, ...more })
const last = (day: string): object => ({ effective: period(day, '2026-04-01') })

describe('published examples of fees and their parts', () => {
  test.each<[string, object, string[]]>([
    [
      'V15 15 of 31 days',
      { currency: 'USD', rules: [fee('f', '100', { effective: period('2026-03-01', '2026-03-16') })] },
      ['48.39'],
    ],
    [
      'V15 10 of 31 days',
      { currency: 'USD', rules: [fee('f', '100', { effective: period('2026-03-01', '2026-03-11') })] },
      ['32.26'],
    ],
    [
      'V15 1000 JPY',
      { currency: 'JPY', rules: [fee('f', '1000', { effective: period('2026-03-01', '2026-03-11') })] },
      ['323'],
    ],
    [
      'V15 longer than full',
      { rules: [fee('f', '100', { effective: period('2026-01-01', '2026-06-01') })] },
      ['100.00'],
    ],
    [
      'V38 in advance, ended, with usage, before tax',
      {
        period: period('2026-02-08', '2026-03-08'),
        rules: [
          fee('advance', '100', {
            period: period('2026-02-01', '2026-03-01'),
            effective: period('2026-02-08', '2026-03-01'),
          }),
          fee('ended', '-100', {
            period: period('2026-02-01', '2026-03-01'),
            effective: period('2026-02-22', '2026-03-01'),
          }),
          use(per('1')),
        ],
        usage: [units('50')],
      },
      ['75.00', '-25.00', '50.00'],
    ],
    [
      'V40 243 of 366 days',
      {
        period: period('2024-01-01', '2025-01-01'),
        rules: [fee('f', '1188', { effective: period('2024-01-01', '2024-08-31') })],
      },
      ['788.75'],
    ],
    [
      'V41 less the whole old fee',
      {
        period: period('2026-05-01', '2026-06-01'),
        rules: [
          fee('new', '40', { effective: period('2026-05-11', '2026-06-01') }),
          fee('old', '-20', { proration: 'none' }),
        ],
      },
      ['27.10', '-20.00'],
    ],
    [
      'V43 upgrade',
      { rules: [fee('old', '-10', last('2026-03-15')), fee('new', '20', last('2026-03-15'))] },
      ['-5.48', '10.97'],
    ],
    [
      'V44 downgrade',
      {
        rules: [
          fee('old', '-50', { quantity: '2', ...last('2026-03-15') }),
          fee('new', '30', last('2026-03-15')),
        ],
      },
      ['-54.84', '16.45'],
    ],
    [
      'V44 5 to 10 seats',
      {
        rules: [
          fee('old', '-10', { quantity: '5', ...last('2026-03-15') }),
          fee('new', '10', { quantity: '10', ...last('2026-03-15') }),
        ],
      },
      ['-27.42', '54.84'],
    ],
    [
      'V44 add 25, remove 40',
      { rules: [fee('a', '25', last('2026-03-15')), fee('b', '-40', last('2026-03-15'))] },
      ['13.71', '-21.94'],
    ],
    [
      'V54 half of 30 days, end exclusive',
      {
        period: period('2026-01-01', '2026-01-31'),
        rules: [
          fee('old', '-100', { effective: period('2026-01-16', '2026-01-31') }),
          fee('new', '200', { effective: period('2026-01-16', '2026-01-31') }),
          fee('old-late', '-300', { effective: period('2026-01-30', '2026-01-31') }),
          fee('new-late', '600', { effective: period('2026-01-30', '2026-01-31') }),
          fee('seats', '10', { quantity: '5', effective: period('2026-01-16', '2026-01-31') }),
        ],
      },
      ['-50.00', '100.00', '-10.00', '20.00', '25.00'],
    ],
    [
      'V55 one-time, never prorated',
      { rules: [fee('once', '500', { quantity: '2', proration: 'none', ...last('2026-03-24') })] },
      ['1000.00'],
    ],
    [
      'V60 after one of 30 days',
      {
        period: period('2026-04-01', '2026-05-01'),
        rules: [fee('rise', '15', { effective: period('2026-04-02', '2026-05-01') })],
      },
      ['14.50'],
    ],
  ])('%s', (_, document, expected) => {
    expect(amounts(document)).toEqual(expected)
  })

  test('V35 a commitment from the 28th of February, and of the month after', () => {
    const february = {
      period: period('2024-02-01', '2024-03-01'),
      rules: [
        fee('plan', '100', { effective: period('2024-02-28', '2024-03-01') }),
        use(per('10')),
        { kind: 'commitment', id: 'commit', amount: '10000', effective: period('2024-02-28', '2024-03-01') },
      ],
      usage: [units('3', { period: period('2024-02-28', '2024-03-01') })],
    }
    expect(amounts(february)).toEqual(['6.90', '30.00', '652.76'])
    const march = {
      rules: [fee('plan', '100'), use(per('10')), { kind: 'commitment', id: 'commit', amount: '10000' }],
      usage: [units('1')],
    }
    expect(amounts(march)).toEqual(['100.00', '10.00', '9890.00'])
  })

  test('V37 a true-up, and one in units of 0.25', () => {
    const rules = [use(per('1')), { kind: 'commitment', id: 'least', amount: '10' }]
    expect(amounts({ rules, usage: [units('7')] })).toEqual(['7.00', '3.00'])
    expect(ask({ rules: [use(per('0.25'))], usage: [units('3')] }).total).toBe('0.75')
  })

  test('V17 late usage corrects its own period', () => {
    const february = period('2026-02-01', '2026-03-01')
    const document = {
      rules: [use(per('10'), { late: 'own-period' })],
      usage: [units('7', { period: february }), units('3')],
      billed: [{ rule: 'use', period: february, quantity: '5' }],
    }
    expect(ask(document).lines).toMatchObject([
      { kind: 'late-usage', quantity: '2', amount: '20.00', period: { from: '2026-02-01T00:00:00Z' } },
      { kind: 'usage', quantity: '3', amount: '30.00' },
    ])
  })

  test('V19 two grants, one used first', () => {
    const grants = [
      { id: 'b', amount: '100', priority: 2 },
      { id: 'a', amount: '100', priority: 1 },
    ]
    const answer = ask({
      rules: [use(per('1')), { kind: 'credit', id: 'wallet', grants }],
      usage: [units('120')],
    })
    expect(answer.total).toBe('0.00')
    expect(answer.balances).toEqual([
      { grant: 'a', used: '100.00', left: '0.00' },
      { grant: 'b', used: '20.00', left: '80.00' },
    ])
  })
})
