import { describe, expect, test } from 'vitest'
import { quote } from './quote.ts'
import { MARCH, amounts, ask, per, tiers, units, use } from '../testing/quotes.ts'

const day = (from: string, to: string): object => ({
  from: `2026-${from}T00:00:00Z`,
  to: `2026-${to}T00:00:00Z`,
})
const FEBRUARY = day('02-01', '03-01')
const fee = (amount: string): object => ({ kind: 'fee', id: 'f', amount })
const pointersOf = (document: object): (string | undefined)[] => {
  const answer = quote(JSON.stringify({ currency: 'EUR', period: MARCH, ...document }))
  return answer.ok ? [] : (answer.fault.causes ?? [answer.fault]).map(({ pointer }) => pointer)
}

describe('credits for availability', () => {
  const sla = (id: string, service: string): object => ({
    kind: 'sla-credit',
    id,
    service,
    of: ['f'],
    bands: [{ below: '99', percent: '100' }],
  })
  const availability = ['v', 'w'].map((service) => ({ service, expected: '10', available: '9' }))

  test.each<[string, object[], string[]]>([
    ['a discount took half', [{ kind: 'discount', id: 'd', percent: '50' }], ['10.00', '-5.00', '-5.00']],
    [
      'a grant paid all',
      [{ kind: 'credit', id: 'c', grants: [{ id: 'g', amount: '10' }] }],
      ['10.00', '-10.00'],
    ],
    ['another one gave all back', [sla('t', 'w')], ['10.00', '-10.00']],
  ])('never give back more than is due: %s', (_, others, expected) => {
    const rules = [fee('10'), ...others, sla('s', 'v')]
    const { lines, total } = ask({ rules, availability })
    expect([lines.map(({ amount }) => amount), total]).toEqual([expected, '0.00'])
  })
})

describe('what is not in force does nothing', () => {
  test.each(['minimum', 'maximum', 'commitment'])('a %s of another month', (kind) => {
    const rule = { kind, id: 'x', amount: '50', effective: FEBRUARY }
    expect(amounts({ rules: [fee('100'), rule] })).toEqual(['100.00'])
  })

  test('what was billed for another month', () => {
    const rules = [fee('10'), { kind: 'minimum', id: 'x', amount: '50' }]
    expect(ask({ rules, billed: [{ rule: 'x', period: FEBRUARY, amount: '40' }] }).total).toBe('50.00')
  })

  test('levels: of the part in force, as a part of the period', () => {
    const rule = (id: string, from: string, to: string): object => ({
      ...use(per('31'), { level: 'day', effective: day(from, to) }),
      id,
    })
    const changes = [{ meter: 'app.units', at: '2026-01-01T00:00:00Z', change: '10' }]
    expect(amounts({ rules: [rule('a', '03-01', '03-16'), rule('b', '03-16', '04-01')], changes })).toEqual([
      '150.00',
      '160.00',
    ])
    expect(ask({ rules: [rule('a', '01-01', '02-01')], changes })).toMatchObject({
      total: '0.00',
      unpriced: [{ pointer: '/changes/0' }],
    })
  })
})

describe('pools', () => {
  test('rows of a matrix are told apart by names and values', () => {
    const price = {
      model: 'matrix',
      rows: [
        { when: { a: '1' }, price: per('1') },
        { when: { b: '1' }, price: per('10') },
      ],
    }
    const usage = [units('1', { dimensions: { a: '1' } }), units('1', { dimensions: { b: '1' } })]
    expect(ask({ rules: [use(price)], usage }).total).toBe('11.00')
    expect(ask({ rules: [use(price)], usage: usage.toReversed() }).total).toBe('11.00')
  })

  test('names that look alike side by side are told apart', () => {
    const calendar = {
      model: 'calendar',
      windows: [
        { name: 'a', to: '12:00' },
        { name: 'b-a', from: '12:00' },
      ],
      prices: { a: per('1'), 'b-a': per('10') },
      otherwise: per('0'),
    }
    const matrix = {
      model: 'matrix',
      rows: [
        { when: { x: '1 y=2' }, price: per('1') },
        { when: { x: '1', y: '2' }, price: per('10') },
      ],
    }
    const usage = [units('1', { dimensions: { x: '1 y=2' } }), units('1', { dimensions: { x: '1', y: '2' } })]
    expect(ask({ rules: [use(matrix)], usage }).total).toBe('11.00')
    expect(ask({ rules: [use(calendar, { per: 'resource' })], usage: [units('62')] }).total).toBe('341.00')
  })

  test('entries are priced one by one, also those of one period', () => {
    const price = tiers('graduated', [
      ['1000', '1'],
      ['', '0.1'],
    ])
    expect(amounts({ rules: [use(price, { per: 'entry' })], usage: [units('1000'), units('1000')] })).toEqual(
      ['1000.00', '1000.00'],
    )
  })
})

describe('time', () => {
  test('usage beyond the period is not of it, and is reported', () => {
    const usage = [
      units('500', { period: day('06-01', '06-02') }),
      units('62', { period: day('03-01', '05-01') }),
    ]
    expect(ask({ rules: [use(per('1'))], usage })).toMatchObject({
      total: '31.51',
      unpriced: [{ pointer: '/usage/0' }, { pointer: '/usage/1', periods: [{ from: MARCH.to }] }],
    })
  })

  test('a peak is not split by time', () => {
    const rules = [use(per('1'), { aggregate: 'maximum', effective: day('03-16', '04-01') })]
    expect(ask({ rules, usage: [units('100')] }).total).toBe('100.00')
  })

  test('single amounts are not split, but refused', () => {
    const price = { model: 'percentage', percent: '1' }
    const rules = [use(price, { effective: day('03-01', '03-16') })]
    expect(pointersOf({ rules, usage: [{ meter: 'app.units', items: ['100'] }] })).toEqual(['/rules/0'])
  })

  test('late hours correct the month that was billed', () => {
    const usage = [
      units('500', { period: day('02-01', '02-02') }),
      units('200', { period: day('02-02', '02-03') }),
    ]
    const billed = [{ rule: 'use', period: FEBRUARY, quantity: '500' }]
    expect(amounts({ rules: [use(per('1'), { late: 'own-period' })], usage, billed })).toEqual(['200.00'])
  })

  test('three prices go on one after another, and a correction of another month is no part of them', () => {
    const model = tiers('graduated', [
      ['1000', '0.02'],
      ['', '0.01'],
    ])
    const rule = (id: string, from: string, to: string, more: object = {}): object => ({
      ...use(model, { effective: day(from, to), ...more }),
      id,
    })
    const rules = [
      rule('a', '02-01', '03-11', { late: 'own-period' }),
      rule('b', '03-11', '03-21', { continues: 'a' }),
      rule('c', '03-21', '04-01', { continues: 'b' }),
    ]
    const usage = [
      units('900', { period: day('03-01', '03-11') }),
      units('500', { period: day('03-11', '03-21') }),
      units('1000', { period: day('03-21', '04-01') }),
      units('2000', { period: FEBRUARY }),
    ]
    expect(amounts({ rules, usage })).toEqual(['30.00', '18.00', '6.00', '10.00'])
  })
})

describe('reductions', () => {
  test('give nothing on what is given back', () => {
    expect(ask({ rules: [fee('-100'), { kind: 'discount', id: 'd', percent: '10' }] }).total).toBe('-100.00')
  })

  test('of one fee by two rules end at nothing', () => {
    const credit = (id: string): object => ({
      kind: 'credit',
      id,
      of: ['f'],
      grants: [{ id: `${id}-g`, amount: '80' }],
    })
    expect(ask({ rules: [fee('100'), credit('a'), credit('b')] })).toMatchObject({
      total: '0.00',
      balances: [{ left: '0.00' }, { left: '60.00' }],
    })
    const discount = (id: string): object => ({ kind: 'discount', id, of: ['f'], amount: '80' })
    expect(ask({ rules: [fee('100'), discount('a'), discount('b')] }).total).toBe('0.00')
  })

  test('a refund of an amount that was free gives nothing back', () => {
    const price = { model: 'percentage', percent: '10', freeAmount: '100' }
    expect(ask({ rules: [use(price)], usage: [{ meter: 'app.units', items: ['100', '-100'] }] }).total).toBe(
      '0.00',
    )
  })
})

describe('what would be ignored is refused', () => {
  const free = { free: { quantity: '1' } }
  const calendar = (name: string, prices: object): object => ({
    model: 'calendar',
    windows: [{ name }],
    prices,
    otherwise: per('1'),
  })
  test.each<[string, object, string[]]>([
    [
      'free units of a percentage',
      { rules: [use({ model: 'percentage', percent: '1' }, free)] },
      ['/rules/0/free'],
    ],
    ['free units of a calendar', { rules: [use(calendar('a', { a: per('1') }), free)] }, ['/rules/0/free']],
    [
      'free units that go on',
      { rules: [use(per('1')), { ...use(per('1'), { ...free, continues: 'use' }), id: 'b' }] },
      ['/rules/1/continues'],
    ],
    [
      'free units, and usage that comes late',
      { rules: [use(per('1'), free)], usage: [units('1', { period: FEBRUARY })] },
      ['/rules/0'],
    ],
    [
      'a pool of a minimum',
      { rules: [{ kind: 'minimum', id: 'm', amount: '1' }], billed: [{ rule: 'm', pool: 'x', amount: '1' }] },
      ['/billed/0/pool'],
    ],
    [
      'a quantity that is not the sum',
      { rules: [use(per('1'))], usage: [units('1', { items: ['2'] })] },
      ['/usage/0/quantity'],
    ],
    [
      'a rule that goes on while the one before it is in force',
      {
        rules: [
          use(per('1'), { effective: day('03-01', '03-21') }),
          { ...use(per('1'), { continues: 'use', effective: day('03-11', '04-01') }), id: 'then' },
        ],
      },
      ['/rules/1/effective'],
    ],
    [
      'a rule that goes on for the whole period from one that is in force for a part',
      {
        rules: [
          use(per('1'), { effective: day('03-01', '03-21') }),
          { ...use(per('1'), { continues: 'use' }), id: 'then' },
        ],
      },
      ['/rules/1/effective'],
    ],
    [
      'tiers without a price',
      { rules: [use({ model: 'volume', tiers: [{ upTo: '1', unitPrice: '1' }, {}] })] },
      ['/rules/0/price/tiers/1'],
    ],
    [
      'a grant in two rules',
      { rules: ['a', 'b'].map((id) => ({ kind: 'credit', id, grants: [{ id: 'g', amount: '1' }] })) },
      ['/rules/1/grants/0/id'],
    ],
    [
      'a credit of more than all',
      { rules: [{ kind: 'sla-credit', id: 's', service: 'x', bands: [{ below: '99', percent: '250' }] }] },
      ['/rules/0/bands/0/percent'],
    ],
    [
      'an availability beyond what was expected',
      { rules: [fee('1')], availability: [{ service: 'x', expected: '10', available: '12' }] },
      ['/availability/0/available'],
    ],
    [
      'an availability twice',
      {
        rules: [fee('1')],
        availability: [0, 1].map(() => ({ service: 'x', expected: '1', available: '1' })),
      },
      ['/availability/1/service'],
    ],
    [
      'a window by the name of a builtin',
      { rules: [use(calendar('constructor', {}))] },
      ['/rules/0/price/prices'],
    ],
    ['amounts beyond 64 bits', { rules: [fee('999999999999999999999999999999')] }, ['/rules/0']],
  ])('%s', (_, document, pointers) => {
    expect(pointersOf(document)).toEqual(pointers)
  })
})
