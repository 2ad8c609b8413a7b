import { describe, expect, test } from 'vitest'
import { amounts, ask, per, period, units, use } from '../testing/quotes.ts'
import { quoteAnswer } from './print.ts'

const JANUARY = period('2026-01-01', '2026-02-01')
const FEBRUARY = period('2026-02-01', '2026-03-01')
const MARCH = period('2026-03-01', '2026-04-01')
const quarterly = (kind: string, amount: string, more: object = {}): object => ({
  kind,
  id: 'bound',
  amount,
  window: 'quarter',
  ...more,
})

describe('a bound over a quarter', () => {
  const before = [
    { rule: 'use', quantity: '30', amount: '30', period: JANUARY },
    { rule: 'use', quantity: '80', amount: '80', period: FEBRUARY },
  ]
  test.each<[string, object, object, string[]]>([
    [
      'is trued up with the month that ends it',
      quarterly('commitment', '150'),
      { billed: before },
      ['10.00', '30.00'],
    ],
    [
      'is not trued up before',
      quarterly('commitment', '150'),
      { period: FEBRUARY, billed: before.slice(0, 1) },
      ['10.00'],
    ],
    [
      'is not trued up where it need not be',
      quarterly('commitment', '150', { trueUp: false }),
      { billed: before },
      ['10.00'],
    ],
    [
      'costs more beyond it, once it is passed',
      quarterly('commitment', '115', { overageFactor: '1.5' }),
      { billed: before },
      ['10.00', '2.50'],
    ],
    [
      'costs more for no more than a document adds',
      quarterly('commitment', '100', { overageFactor: '1.5' }),
      { billed: [...before, { rule: 'bound', amount: '5', period: FEBRUARY }] },
      ['10.00', '5.00'],
    ],
    [
      'gives back overage that is due no more',
      quarterly('commitment', '120', { overageFactor: '1.5' }),
      { billed: [...before, { rule: 'bound', amount: '5', period: FEBRUARY }] },
      ['10.00', '-5.00'],
    ],
    ['is a minimum at its end', quarterly('minimum', '150'), { billed: before }, ['10.00', '30.00']],
    [
      'is no minimum before',
      quarterly('minimum', '150'),
      { period: FEBRUARY, billed: before.slice(0, 1) },
      ['10.00'],
    ],
    [
      'is a maximum at any time',
      quarterly('maximum', '35'),
      { period: FEBRUARY, billed: before.slice(0, 1) },
      ['10.00', '-5.00'],
    ],
    [
      'counts what other lines of the quarter were, not those of another',
      quarterly('minimum', '150'),
      { billed: [{ rule: 'use', quantity: '1', amount: '500', period: period('2025-12-01', '2026-01-01') }] },
      ['10.00', '140.00'],
    ],
    [
      'counts the rules that it names',
      quarterly('minimum', '150', { of: ['use'] }),
      { billed: [{ rule: 'fee', amount: '500', period: JANUARY }] },
      ['10.00', '1.00', '140.00'],
    ],
    [
      'is for the part of it under contract',
      quarterly('minimum', '90'),
      { contract: { from: '2026-02-01T00:00:00Z' }, billed: [] },
      ['10.00', '49.00'],
    ],
    [
      'ends with the contract, for the days until then',
      quarterly('commitment', '90'),
      {
        contract: { from: '2025-01-01T00:00:00Z', to: '2026-03-01T00:00:00Z' },
        period: FEBRUARY,
        billed: before.slice(0, 1),
      },
      ['10.00', '19.00'],
    ],
    [
      'ends where its rule does',
      quarterly('commitment', '90', { effective: period('2026-01-01', '2026-03-01') }),
      { period: FEBRUARY, billed: before.slice(0, 1) },
      ['10.00', '19.00'],
    ],
    [
      'is none where its rule is over',
      quarterly('commitment', '90', { effective: period('2026-01-01', '2026-03-01') }),
      { billed: before },
      ['10.00'],
    ],
  ])('%s', (_, bound, more, expected) => {
    const fee = { kind: 'fee', id: 'fee', amount: '1' }
    const rules = [use(per('1')), ...('of' in bound ? [fee] : []), bound]
    expect(amounts({ period: MARCH, rules, usage: [units('10')], ...more })).toEqual(expected)
  })

  test('says so in its trace', () => {
    const { lines } = ask({
      period: MARCH,
      rules: [use(per('1')), quarterly('commitment', '100', { overageFactor: '1.5' })],
      usage: [units('10')],
      billed: [...before, { rule: 'bound', amount: '5', period: FEBRUARY }],
    })
    expect(lines[1]!.trace.map(({ rule, input, output }) => `${rule}: ${input} = ${output}`)).toEqual([
      'window quarter: 2026-01-01T00:00:00Z/2026-04-01T00:00:00Z of 2026-01-01T00:00:00Z/2026-04-01T00:00:00Z = ends with this document',
      'proration day UTC: 90 of 90 day: 2026-01-01T00:00:00Z/2026-04-01T00:00:00Z of 2026-01-01T00:00:00Z/2026-04-01T00:00:00Z = 90/90',
      'commitment: 100 × 1 = 100',
      'lines, and billed before: 10 + 110 = 120',
      'overage factor 1.5: 20 beyond the commitment = 10',
      'less what this rule billed of the window before: 10 - 5 = 5',
      'difference: overage = 5',
      'amount half-up EUR: 5 = 5.00',
    ])
  })
})

describe('years of a contract', () => {
  const rules = [use(per('1')), { kind: 'minimum', id: 'least', amount: '365', window: 'contract-year' }]
  const contract = { from: '2025-03-15T00:00:00Z' }
  test('end where it began', () => {
    const usage = [units('14')]
    expect(amounts({ contract, rules, usage, period: period('2026-03-01', '2026-03-15') })).toEqual([
      '14.00',
      '351.00',
    ])
    expect(amounts({ contract, rules, usage, period: period('2026-03-15', '2026-04-01') })).toEqual(['14.00'])
  })

  test.each<[string, object, string[]]>([
    ['need the contract', {}, ['/rules/1 TARIFF_INVALID']],
    [
      'are none across a document',
      { contract, period: period('2026-03-14', '2026-03-16') },
      ['/rules/1 TARIFF_INVALID'],
    ],
    [
      'are none before it',
      { contract: { from: '2026-03-15T00:00:00Z' }, period: MARCH },
      ['/contract/from TARIFF_INVALID'],
    ],
    [
      'are none after it',
      { contract: { ...contract, to: '2026-03-15T00:00:00Z' }, period: MARCH },
      ['/contract/to TARIFF_INVALID'],
    ],
    ['need a start', { contract: {} }, ['/contract/from FIELD_MISSING']],
  ])('%s', (_, more, expected) => {
    expect(faultsOf({ currency: 'EUR', period: FEBRUARY, rules, ...more })).toEqual(expected)
  })
})

describe('what cannot count over a window is refused', () => {
  test.each<[string, object[], object, string[]]>([
    ['an unknown one', [use(per('1'), { window: 'month' })], {}, ['/rules/0/window FIELD_INVALID']],
    [
      'a free quantity',
      [use(per('1'), { window: 'year', free: { quantity: '1' } })],
      {},
      ['/rules/0/window TARIFF_INVALID'],
    ],
    [
      'the largest entry',
      [use(per('1'), { window: 'year', aggregate: 'maximum' })],
      {},
      ['/rules/0/window TARIFF_INVALID'],
    ],
    ['an average', [use(per('1'), { window: 'year', level: 'day' })], {}, ['/rules/0/window TARIFF_INVALID']],
    [
      'late usage of its own',
      [use(per('1'), { window: 'year', late: 'own-period' })],
      {},
      ['/rules/0/window TARIFF_INVALID'],
    ],
    [
      'a percentage',
      [use({ model: 'percentage', percent: '1' }, { window: 'year' })],
      {},
      ['/rules/0/window TARIFF_INVALID'],
    ],
    ['a fee', [{ kind: 'fee', id: 'f', amount: '1', window: 'year' }], {}, ['/rules/0/window FIELD_UNKNOWN']],
    [
      'earlier lines without what counts',
      [use(per('1'), { window: 'year' }), { kind: 'fee', id: 'f', amount: '1' }, quarterly('minimum', '1')],
      {
        billed: [
          { rule: 'use', amount: '1' },
          { rule: 'f', quantity: '1' },
          { rule: 'f' },
          { rule: 'bound', pool: 'x', amount: '1' },
          { rule: 'x', amount: '1' },
        ].map((entry) => ({ ...entry, period: period('2026-02-01', '2026-03-01') })),
      },
      [
        '/billed/0 TARIFF_INVALID',
        '/billed/1 TARIFF_INVALID',
        '/billed/2 TARIFF_INVALID',
        '/billed/3/pool TARIFF_INVALID',
        '/billed/4/rule TARIFF_INVALID',
      ],
    ],
    [
      'lines that were not billed before',
      [quarterly('minimum', '1')],
      {
        billed: [
          { rule: 'bound', amount: '1' },
          { rule: 'bound', amount: '1', period: MARCH },
          { rule: 'bound', amount: '1', period: period('2026-04-01', '2026-05-01') },
        ],
      },
      [0, 1, 2].map((index) => `/billed/${index}/period TARIFF_INVALID`),
    ],
    [
      'amounts that are rounded together, which earlier documents have not',
      [quarterly('minimum', '1')],
      { rounding: { stage: 'document' } },
      ['/rules/0/window TARIFF_INVALID'],
    ],
  ])('%s', (_, rules, more, expected) => {
    expect(faultsOf({ currency: 'EUR', period: MARCH, rules, ...more })).toEqual(expected)
  })
})

function faultsOf(document: object): string[] {
  const { fault } = JSON.parse(quoteAnswer(JSON.stringify(document)).text) as {
    fault: { causes: { code: string; pointer: string }[] }
  }
  return fault.causes.map(({ code, pointer }) => `${pointer} ${code}`)
}
