import { describe, expect, test } from 'vitest'
import { amounts, per, period, tiers, units, use } from '../testing/quotes.ts'

/** Tiers of published tests: OpenMeter's, Lago's, FlexPrice's, Meteroid's. */
const V1 = tiers('graduated', [
  ['5', '0', '100'],
  ['10', '0', '50'],
  ['15', '5'],
  ['', '1'],
])
const V5 = tiers('graduated', [
  ['5', '0', '100'],
  ['10', '0', '50'],
  ['15', '10'],
  ['', '5'],
])
const V20 = tiers('graduated', [
  ['10', '10', '2'],
  ['20', '5', '3'],
  ['', '5', '3'],
])
const V21 = tiers('graduated', [
  ['0.1', '10'],
  ['1', '5'],
  ['', '2'],
])
const V22 = tiers('volume', [
  ['100', '2', '10'],
  ['200', '1', '10'],
  ['', '0.5', '50'],
])
const V26 = tiers('volume', [
  ['10000', '0.001'],
  ['50000', '0.0008'],
  ['100000', '0.0006', '10'],
  ['', '0.0004'],
])
const V30 = {
  model: 'graduated',
  tiers: [
    { upTo: '10', percent: '1', flat: '200' },
    { upTo: '20', percent: '2', flat: '300' },
    { percent: '3', flat: '400' },
  ],
}
const V47 = (model: string): object =>
  tiers(model, [
    ['10', '0.10'],
    ['20', '0.05'],
    ['', '0.02'],
  ])
const V52 = (model: string): object =>
  tiers(model, [
    ['100', '1'],
    ['200', '0.5'],
    ['', '0.25'],
  ])
const V62 = (model: string, edge: string): object =>
  tiers(
    model,
    [
      ['50', '0'],
      ['100', '0.01'],
      ['200', '0.05'],
      ['', '0.10'],
    ],
    { edge },
  )
const V27 = { model: 'percentage', percent: '1.3', fixed: '2' }
const ITEMS = [{ meter: 'app.units', items: ['50', '100', '250', '400'] }]
const packs = (size: string, price: string, rounding = 'ceiling'): object => ({
  model: 'package',
  size,
  price,
  rounding,
})
const one = (price: object, quantity: string, more: object = {}): object => ({
  rules: [use(price, more)],
  usage: [units(quantity)],
})
const spend = (kind: string, amount: string): object => ({ kind, id: kind, amount })

describe('published examples of models', () => {
  test.each<[string, object, string[]]>([
    ['V1 graduated, 22', one(V1, '22'), ['182.00']],
    [
      'V2 graduated, 12 billed before',
      { ...one(V1, '10'), billed: [{ rule: 'use', quantity: '12' }] },
      ['22.00'],
    ],
    [
      'V4 nothing used, minimum 1000, 100 billed',
      {
        rules: [use(V1), spend('minimum', '1000')],
        billed: [
          { rule: 'use', quantity: '0' },
          { rule: 'minimum', amount: '100' },
        ],
      },
      ['900.00'],
    ],
    ['V5 nothing used', { rules: [use(V5)] }, ['100.00']],
    ['V5 5.001', one(V5, '5.001'), ['150.00']],
    ['V5 12', one(V5, '12'), ['170.00']],
    ['V5 22', one(V5, '22'), ['235.00']],
    [
      'V7 volume and minimum',
      {
        rules: [
          use(
            tiers('volume', [
              ['5', '0', '100'],
              ['', '5'],
            ]),
          ),
          spend('minimum', '150'),
        ],
      },
      ['100.00', '50.00'],
    ],
    ['V8 package, 0', one(packs('10', '15'), '0'), ['0.00']],
    ['V8 package, 5', one(packs('10', '15'), '5'), ['15.00']],
    ['V8 package, 10', one(packs('10', '15'), '10'), ['15.00']],
    [
      'V8 package, 17 billed, 5 more',
      { ...one(packs('10', '15'), '5'), billed: [{ rule: 'use', quantity: '17' }] },
      ['15.00'],
    ],
    [
      'V10 maximum 100, 70 billed',
      {
        rules: [use(per('10')), spend('maximum', '100')],
        usage: [units('5')],
        billed: [{ rule: 'maximum', amount: '70' }],
      },
      ['50.00', '-20.00'],
    ],
    [
      'V11 discount, then maximum',
      {
        rules: [use(per('10')), { kind: 'discount', id: 'half', percent: '50' }, spend('maximum', '100')],
        usage: [units('20')],
        billed: [{ rule: 'maximum', amount: '35' }],
      },
      ['200.00', '-100.00', '-35.00'],
    ],
    ['V20 0', one(V20, '0'), ['2.00']],
    ['V20 1', one(V20, '1'), ['12.00']],
    ['V20 10', one(V20, '10'), ['102.00']],
    ['V20 11', one(V20, '11'), ['110.00']],
    ['V20 12', one(V20, '12'), ['115.00']],
    ['V20 21', one(V20, '21'), ['163.00']],
    ['V20 0, where nothing is free', one({ ...V20, zeroUsage: 'free' }, '0'), ['0.00']],
    ['V21 0.05', one(V21, '0.05'), ['0.50']],
    ['V21 0.5', one(V21, '0.5'), ['3.00']],
    [
      'V23 tier by full units',
      { rules: [use(V22)], usage: [units('198.6', { chosenBy: '300' })] },
      ['149.30'],
    ],
    ['V24 package', one(packs('10', '100'), '121'), ['1300.00']],
    ['V24 package, 10 free', one(packs('10', '100'), '121', { free: { quantity: '10' } }), ['1200.00']],
    ['V24 package, 200 free', one(packs('10', '100'), '121', { free: { quantity: '200' } }), ['0.00']],
    ['V25 package, 100 free', one(packs('100', '5'), '201', { free: { quantity: '100' } }), ['10.00']],
    ['V26 volume', one(V26, '65000'), ['49.00']],
    ['V28 percentage, 3 items free', { rules: [use({ ...V27, freeItems: 3 })], usage: ITEMS }, ['7.20']],
    ['V28 percentage, none free', { rules: [use(V27)], usage: ITEMS }, ['18.40']],
    ['V30 0', one(V30, '0'), ['200.00']],
    ['V30 1', one(V30, '1'), ['200.01']],
    ['V30 10', one(V30, '10'), ['200.10']],
    ['V30 11', one(V30, '11'), ['500.12']],
    ['V46 50, round up', one(packs('100', '1'), '50'), ['1.00']],
    ['V46 250, round up', one(packs('100', '1'), '250'), ['3.00']],
    ['V46 50, round down', one(packs('100', '1', 'down'), '50'), ['0.00']],
    ['V46 250, round down', one(packs('100', '1', 'down'), '250'), ['2.00']],
    [
      'V47 per window',
      { rules: [use(V47('graduated'), { per: 'entry' })], usage: windows() },
      ['0.90', '1.25'],
    ],
    [
      'V47 per window, volume',
      { rules: [use(V47('volume'), { per: 'entry' })], usage: windows() },
      ['0.90', '0.75'],
    ],
    ...['12', '20', '25'].map((quantity, index): [string, object, string[]] => [
      `V50 commit of 20 units, ${quantity}`,
      one(
        tiers('graduated', [
          ['20', '1'],
          ['', '2'],
        ]),
        quantity,
        { minimum: '20' },
      ),
      [['20.00', '20.00', '30.00'][index]!],
    ]),
    ['V52 graduated', one(V52('graduated'), '150'), ['125.00']],
    ['V52 volume', one(V52('volume'), '150'), ['75.00']],
    ['V62 graduated', one(V62('graduated', 'inclusive'), '200'), ['5.50']],
    ['V62 bulk, edges exclusive', one(V62('volume', 'exclusive'), '200'), ['20.00']],
    ['V63 a correction', { rules: [use(per('1'))], usage: [units('2'), units('4'), units('-1')] }, ['5.00']],
  ])('%s', (_, document, expected) => {
    expect(amounts(document)).toEqual(expected)
  })

  function windows(): object[] {
    return [
      units('9', { period: period('2026-03-01', '2026-03-02') }),
      units('15', { period: period('2026-03-02', '2026-03-03') }),
    ]
  }
})
