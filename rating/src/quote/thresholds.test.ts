import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { compare } from '@vouch/proto/kernel/rational.ts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MARCH, amounts, ask, per, select, units, use } from '../testing/quotes.ts'
import { quoteAnswer } from './print.ts'

const item = (more: object = {}): object => ({ id: 'it', meter: 'app.units', unit: '1', ...more })
const sale = (more: object = {}): object => ({
  kind: 'usage',
  id: 'use',
  item: 'it',
  price: per('1'),
  ...more,
})
const of = (resource: string, ...quantities: string[]): object[] =>
  quantities.map((quantity) => units(quantity, { resource }))
const at = (quantity: string, stage?: string): object => ({
  threshold: stage === undefined ? { quantity } : { quantity, at: stage },
})
/** 3 + 7 of a, 12 of b. */
const USAGE = [...of('a', '3', '7'), ...of('b', '12')]

describe('a threshold', () => {
  test.each<[string, object, string[]]>([
    ['of each entry leaves those below it out', at('5', 'entry'), ['19.00']],
    ['exactly reached bills all', at('12', 'entry'), ['12.00']],
    ['of each resource looks at its sum', at('11', 'resource'), ['12.00']],
    ['of a resource, exactly reached', at('10', 'resource'), ['22.00']],
    ['of the line looks at all', at('22', 'line'), ['22.00']],
    ['of the line is the default', at('22.000000000001'), ['0.00']],
    [
      'comes before the increment of its stage',
      { ...at('8', 'entry'), increment: { size: '10', at: 'entry' } },
      ['20.00'],
    ],
    [
      'which does not bring its minimum for what is below it',
      { ...at('100', 'line'), increment: { size: '10', minimum: '50', at: 'line' } },
      ['0.00'],
    ],
    [
      'after the increment of an earlier stage',
      { ...at('24', 'line'), increment: { size: '8', at: 'entry' } },
      ['32.00'],
    ],
    [
      'comes before the rounding of its stage',
      { ...at('23'), rounding: { mode: 'ceiling', scale: 0 } },
      ['0.00'],
    ],
  ])('%s', (_, members, expected) => {
    expect(amounts({ rules: [use(per('1'), members)], usage: USAGE })).toEqual(expected)
    // An item says the same as a rule.
    expect(amounts({ items: [item(members)], rules: [sale()], usage: USAGE })).toEqual(expected)
  })

  test('is looked at before what is free, and `minimum` after it', () => {
    const free = { free: { quantity: '10' } }
    expect(amounts({ rules: [use(per('1'), { ...at('22'), ...free })], usage: USAGE })).toEqual(['12.00'])
    expect(amounts({ rules: [use(per('1'), { ...at('23'), minimum: '2' })], usage: USAGE })).toEqual(['2.00'])
  })

  test('is in the billable unit', () => {
    const rules = [use(per('1'), { unit: 'kB', ...at('2') })]
    const sent = (quantity: string): object => ({ rules, usage: [units(quantity, { unit: 'B' })] })
    expect([amounts(sent('1999')), amounts(sent('2000'))]).toEqual([['0.00'], ['2.00']])
  })

  test('of the line is that of each pool', () => {
    const rules = [use(per('1'), { per: 'resource', ...at('11') })]
    expect(amounts({ rules, usage: USAGE })).toEqual(['0.00', '12.00'])
  })

  test('corrects the whole of an earlier period when late usage reaches it', () => {
    const february = { from: '2026-02-01T00:00:00Z', to: MARCH.from }
    const rules = [use(per('1'), { late: 'own-period', ...at('10') })]
    const usage = [units('12', { period: february })]
    expect(amounts({ rules, usage })).toEqual(['12.00'])
  })
})

describe('an item', () => {
  const stepsOf = (rule: object, members: object): string[] => {
    const [line] = ask({ items: [item(members)], rules: [rule], usage: USAGE }).lines
    return line!.trace.map((step) => `${step.rule}: ${step.input} = ${step.output}`)
  }
  const members = { ...at('20'), increment: { size: '5', at: 'line' } }

  test('is named in the trace of what is taken from it', () => {
    expect(stepsOf(sale(), members)).toEqual([
      'sum: 3 entries of 2 resources = 22',
      'threshold 20 of item it: 22 = 22',
      'increment 5, at least 0 of item it: 22 = 25',
      expect.stringContaining('per unit'),
      expect.stringContaining('amount'),
    ])
  })

  test('gives way to the rule, and is named for that too', () => {
    const rule = sale({ ...at('3.50', 'entry'), increment: { size: '1', at: 'line' } })
    expect(stepsOf(rule, members).slice(0, 2)).toEqual([
      'sum, threshold 3.5 instead of 20 of item it per entry: 3 entries of 2 resources = 19',
      'increment 1, at least 0 instead of 5 of item it: 19 = 19',
    ])
  })

  test('without them leaves the steps of a rule as they are', () => {
    const rule = sale({ increment: { size: '5', at: 'line' } })
    expect(stepsOf(rule, {})[1]).toBe('increment 5, at least 0: 22 = 25')
  })
})

const quantity = fc.integer({ min: -50_000, max: 50_000 }).map((n) => (n / 1000).toFixed(3))
const unsigned = fc.integer({ min: 0, max: 50_000 }).map((n) => (n / 1000).toFixed(3))
const positive = fc.integer({ min: 1, max: 9000 }).map((n) => (n / 1000).toFixed(3))
const stage = fc.constantFrom('entry', 'resource', 'line')
const entries = fc.array(fc.tuple(quantity, fc.constantFrom('a', 'b')), { minLength: 1, maxLength: 6 })
const usageOf = (list: readonly (readonly [string, string])[]): object[] =>
  list.map(([each, resource]) => units(each === '-0.000' ? '0.000' : each, { resource }))
const steps = fc.record({
  increment: fc.option(fc.record({ size: positive, minimum: unsigned, at: stage }), { nil: undefined }),
  rounding: fc.option(
    fc.record({ mode: fc.constantFrom('ceiling', 'floor', 'half-even'), scale: fc.constant(1), at: stage }),
    { nil: undefined },
  ),
})
const billed = (members: object, usage: readonly object[]) =>
  ask({ rules: [use(per('1'), members)], usage }).lines.map(({ exact, amount }) => [exact, amount])

describe('laws of thresholds', () => {
  test('one of zero changes nothing, whatever else there is', () => {
    fc.assert(
      fc.property(entries, steps, stage, (list, members, where) => {
        const usage = usageOf(list)
        const threshold = { quantity: '0', at: where }
        expect(billed({ ...members, threshold }, usage)).toEqual(billed(members, usage))
      }),
    )
  })

  test('more usage is never billed less', () => {
    fc.assert(
      fc.property(entries, steps, unsigned, stage, unsigned, (list, members, least, where, more) => {
        const threshold = { quantity: least, at: where }
        const exactOf = (usage: readonly object[]) =>
          unwrap(
            parseDecimal(ask({ rules: [use(per('1'), { ...members, threshold })], usage }).lines[0]!.exact),
          )
        const [[first, resource]] = list as [(typeof list)[number]]
        const raised = ((Number(first) * 1000 + Number(more) * 1000) / 1000).toFixed(3)
        const after = usageOf([[raised, resource], ...list.slice(1)])
        expect(compare(exactOf(after), exactOf(usageOf(list)))).not.toBe(-1)
      }),
    )
  })

  test('all is billed, or nothing', () => {
    fc.assert(
      fc.property(unsigned, unsigned, (used, least) => {
        const usage = [units(used)]
        const [[whole]] = billed({}, usage) as [[string]]
        const [[exact]] = billed(at(least), usage) as [[string]]
        expect(exact).toBe(Number(used) >= Number(least) ? whole : '0')
      }),
    )
  })
})

describe('faults of thresholds', () => {
  const matrix = { model: 'matrix', rows: [{ when: { class: 'x' }, price: per('1') }] }
  const calendar = {
    model: 'calendar',
    windows: [{ name: 'night', from: '22:00', to: '06:00' }],
    prices: { night: per('1') },
    otherwise: per('1'),
  }
  const percentage = { model: 'percentage', percent: '1' }
  test.each<[string, object, string[]]>([
    ['below zero', { rules: [use(per('1'), at('-1'))] }, ['/rules/0/threshold/quantity FIELD_INVALID']],
    [
      'without a quantity',
      { rules: [use(per('1'), { threshold: {} })] },
      ['/rules/0/threshold/quantity FIELD_MISSING'],
    ],
    [
      'at no stage',
      { items: [item(at('1', 'day'))], rules: [sale()] },
      ['/items/0/threshold/at FIELD_INVALID'],
    ],
    [
      'a number, and an increment of nothing',
      { items: [item({ threshold: { quantity: 1 }, increment: { size: '0' } })], rules: [sale()] },
      ['/items/0/threshold/quantity FIELD_INVALID', '/items/0/increment/size FIELD_INVALID'],
    ],
    [
      'with an unknown member',
      { rules: [use(per('1'), { threshold: { quantity: '1', upTo: '2' } })] },
      ['/rules/0/threshold/upTo FIELD_UNKNOWN'],
    ],
    ['of a matrix', { rules: [use(matrix, at('1'))] }, ['/rules/0/threshold TARIFF_INVALID']],
    ['of a calendar', { rules: [use(calendar, at('1', 'resource'))] }, ['/rules/0/threshold TARIFF_INVALID']],
    [
      'of a percentage',
      { rules: [use(percentage, at('1', 'entry'))] },
      ['/rules/0/threshold TARIFF_INVALID'],
    ],
    [
      'of the item of a percentage',
      { items: [item({ increment: { size: '1' } })], rules: [sale({ price: percentage })] },
      ['/rules/0/increment TARIFF_INVALID'],
    ],
    [
      'of the item of a percentile',
      {
        items: [item({ ...at('1'), increment: { size: '1' } })],
        rules: [{ kind: 'percentile', id: 'p', item: 'it', price: per('1') }],
      },
      ['/rules/0/item TARIFF_INVALID', '/rules/0/item TARIFF_INVALID'],
    ],
    [
      'of a percentile',
      { rules: [{ kind: 'percentile', id: 'p', select, price: per('1'), ...at('1') }] },
      ['/rules/0/threshold FIELD_UNKNOWN'],
    ],
    [
      'of what goes on',
      { rules: [use(per('1'), at('1')), { ...use(per('1'), { continues: 'use' }), id: 'b' }] },
      ['/rules/1/continues TARIFF_INVALID'],
    ],
    [
      'of what was billed in part',
      { rules: [use(per('1'), at('1'))], billed: [{ rule: 'use', quantity: '1' }] },
      ['/billed/0/rule TARIFF_INVALID'],
    ],
  ])('%s', (_, document, expected) => {
    const { text, isFault } = quoteAnswer(JSON.stringify({ currency: 'EUR', period: MARCH, ...document }))
    expect(isFault).toBe(true)
    const { fault } = JSON.parse(text) as {
      fault: { causes: { pointer: string; code: string }[] }
    }
    expect(fault.causes.map(({ code, pointer }) => `${pointer} ${code}`)).toEqual(expected)
  })

  test('of an entry goes with any cut, and with what goes on', () => {
    const rules = [use(calendar, at('1', 'entry')), { ...use(per('1'), at('1', 'entry')), id: 'b' }]
    expect(ask({ rules, usage: USAGE }).lines.length).toBeGreaterThan(1)
    const parts = [use(per('1'), at('5', 'entry')), { ...use(per('1'), { continues: 'use' }), id: 'b' }]
    expect(amounts({ rules: parts, usage: USAGE })).toEqual(['19.00', '22.00'])
  })
})
