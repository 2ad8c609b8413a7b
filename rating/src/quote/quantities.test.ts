import { describe, expect, test } from 'vitest'
import { amounts, ask, per, select, units, use } from '../testing/quotes.ts'

const fee = (id: string, amount: string): object => ({ kind: 'fee', id, amount })

describe('published examples of quantities and rounding', () => {
  test('V12 convert, round up, take a discount of usage off', () => {
    const rounding = { mode: 'ceiling', scale: 0 }
    const kilo = { unit: 'kB', rounding }
    const usage = [units('1400', { unit: 'B' })]
    expect(amounts({ rules: [use(per('10'), kilo)], usage })).toEqual(['20.00'])
    const free = { quantity: '0.5', stage: 'after-rounding' }
    expect(amounts({ rules: [use(per('10'), { ...kilo, free })], usage })).toEqual(['15.00'])
  })

  test('V14 a multiplier', () => {
    expect(ask({ currency: 'USD', rules: [use(per('1.33333'))], usage: [units('10')] }).total).toBe('13.33')
  })

  test('V57 rounding after the conversion', () => {
    const rules = [use(per('1'), { unit: 'kB', rounding: { mode: 'ceiling', scale: 0 } })]
    expect(ask({ rules, usage: [units('98900', { unit: 'B' })] }).total).toBe('99.00')
  })

  test('V51 rounding at the source, and of the document alone', () => {
    const rules = ['a', 'b', 'c'].map((id) => fee(id, '33.333333333333'))
    expect(ask({ rules, currency: 'USD' }).total).toBe('99.99')
    expect(ask({ rules, currency: 'USD', rounding: { stage: 'document' } })).toMatchObject({
      total: '100.00',
      roundingDifference: '0.01',
    })
  })

  test('V32 the average of a level, by group', () => {
    const change = (region: string, at: string, step: string): object => ({
      meter: 'app.units',
      dimensions: { region },
      at,
      change: step,
    })
    const august = { from: '2023-08-01T00:00:00Z', to: '2023-09-01T00:00:00Z' }
    const rounding = { mode: 'half-up', scale: 5 }
    const rules = [use(per('1'), { level: 'second', per: { dimension: 'region' }, rounding })]
    const changes = [
      change('eu', '2023-08-01T00:00:00Z', '2'),
      change('eu', '2023-08-01T02:00:00Z', '-1'),
      change('us', '2023-08-01T01:00:00Z', '3'),
    ]
    expect(ask({ period: august, rules, changes }).lines).toMatchObject([
      { pool: 'eu', quantity: '1.00269' },
      { pool: 'us', quantity: '2.99597' },
    ])
  })

  test('V33 a level that is carried over and rises', () => {
    const may = { from: '2026-05-01T00:00:00Z', to: '2026-06-01T00:00:00Z' }
    const changes = [
      { meter: 'app.units', at: '2026-01-01T00:00:00Z', change: '5' },
      { meter: 'app.units', at: '2026-05-26T00:00:00Z', change: '24' },
    ]
    const rules = [use(per('1'), { level: 'day', rounding: { mode: 'ceiling', scale: 5 } })]
    expect(ask({ period: may, rules, changes }).lines[0]).toMatchObject({ quantity: '9.64517' })
  })
})

describe('a percentile', () => {
  const IN =
    '0.139 0.653 0.201 0.116 0.084 0.032 0.047 0.185 0.198 0.203 0.276 0.370 0.971 0.233 0.218 0.182 0.169 0.126 0.131 0.157'
  const OUT =
    '1.347 1.435 1.229 0.523 0.438 0.231 0.347 0.689 0.940 1.248 1.385 1.427 3.988 1.265 1.221 1.013 0.992 0.874 0.896 1.002'
  const port = (direction: string, text: string): object => ({
    meter: 'app.units',
    resource: 'port:1',
    direction,
    values: text.split(' '),
  })
  const rule = { kind: 'percentile', id: 'p95', select, price: per('100') }

  test('of the higher direction is what the published vectors say', () => {
    const series = [port('in', IN), port('out', OUT)]
    expect(ask({ rules: [rule], series }).lines).toMatchObject([{ quantity: '1.435', amount: '143.50' }])
    expect(ask({ rules: [{ ...rule, directions: 'sum' }], series }).lines).toMatchObject([
      { quantity: '2.088' },
    ])
    expect(ask({ rules: [{ ...rule, commit: '1' }], series }).total).toBe('43.50')
  })

  test.each([
    ['35 hours', 420, '100'],
    ['exactly 36 hours', 432, '100'],
    ['37 hours', 444, '900'],
  ])('falls off the cliff after 36 hours of bursts: %s', (_, bursts, expected) => {
    const values = Array.from({ length: 8640 }, (__, slot) => (slot < bursts ? '900' : '100'))
    const series = [{ meter: 'app.units', values }]
    expect(ask({ rules: [{ ...rule, directions: 'level' }], series }).lines[0]).toMatchObject({
      quantity: expected,
    })
  })

  test('V64 of 8,928 slots drops the top 446', () => {
    const values = Array.from({ length: 8928 }, (_, slot) => String((slot * 7919) % 8928))
    const series = [{ meter: 'app.units', values }]
    expect(ask({ rules: [{ ...rule, directions: 'level' }], series }).lines[0]).toMatchObject({
      quantity: '8481',
    })
  })
})

test.each(['constructor', '__proto__', 'toString'])(
  'a dimension %s that usage does not have names no pool',
  (dimension) => {
    const { lines } = ask({ rules: [use(per('1'), { per: { dimension } })], usage: [units('5')] })
    expect(lines.map(({ pool, amount }) => [pool, amount])).toEqual([[undefined, '5.00']])
  },
)
