import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { add, equals, rational } from '@vouch/proto/kernel/rational.ts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ask, per, tiers, units, use } from '../testing/quotes.ts'

const gap = { from: '2026-03-10T00:00:00Z', to: '2026-03-11T00:00:00Z' }
const guess = (quantity: string, more: object = {}): object =>
  units(quantity, { period: gap, estimated: 'last-known', ...more })
const lastKnown = { estimate: { method: 'last-known' } }
const graduated = tiers('graduated', [
  ['10', '1'],
  ['', '0.5'],
])

describe('what nobody measured', () => {
  test.each<[string, object, object[], [kind: string, quantity: string, amount: string][]]>([
    [
      'costs what the same would have cost',
      use(per('2'), lastKnown),
      [units('8'), guess('3')],
      [
        ['usage', '8', '16.00'],
        ['estimate', '3', '6.00'],
      ],
    ],
    [
      'goes on in the tiers',
      use(graduated, lastKnown),
      [units('8'), guess('4')],
      [
        ['usage', '8', '8.00'],
        ['estimate', '4', '3.00'],
      ],
    ],
    [
      'uses up what is free',
      use(per('1'), { ...lastKnown, free: { quantity: '10' } }),
      [units('8'), guess('4')],
      [
        ['usage', '0', '0.00'],
        ['estimate', '2', '2.00'],
      ],
    ],
    [
      'fills up what is billed at least',
      use(per('1'), { ...lastKnown, minimum: '10' }),
      [units('8'), guess('1')],
      [
        ['usage', '10', '10.00'],
        ['estimate', '0', '0.00'],
      ],
    ],
    [
      'moves the whole to another price',
      use(
        tiers('volume', [
          ['10', '2'],
          ['', '1'],
        ]),
        lastKnown,
      ),
      [units('9'), guess('3')],
      [
        ['usage', '9', '18.00'],
        ['estimate', '3', '-6.00'],
      ],
    ],
    [
      'begins a package',
      use({ model: 'package', size: '10', price: '5' }, lastKnown),
      [units('8'), guess('4')],
      [
        ['usage', '8', '5.00'],
        ['estimate', '4', '5.00'],
      ],
    ],
    ['may be all there is', use(graduated, lastKnown), [guess('12')], [['estimate', '12', '11.00']]],
    [
      'stays apart by resource',
      use(graduated, { ...lastKnown, per: 'resource' }),
      [units('10', { resource: 'a' }), guess('2', { resource: 'b' })],
      [
        ['usage', '10', '10.00'],
        ['estimate', '2', '2.00'],
      ],
    ],
  ])('%s', (_, rule, usage, lines) => {
    const answer = ask({ rules: [rule], usage })
    expect(answer.lines).toMatchObject(lines.map(([kind, quantity, amount]) => ({ kind, quantity, amount })))
    expect(answer.unpriced).toEqual([])
    expect(answer.lines.at(-1)!.trace[0]).toMatchObject({
      rule: 'estimate last-known',
      input: '86400000 ms without a measurement, of 1 resources',
    })
  })

  test.each<[string, object]>([
    ['no rule estimates it', {}],
    ['the rule estimates nothing', { estimate: { method: 'none' } }],
    ['the rule estimates in another way', { estimate: { method: 'same-hour' } }],
    ['the gap is longer than the rule allows', { estimate: { method: 'last-known', longestHours: 23 } }],
  ])('is reported, not billed, where %s', (_, more) => {
    const { total, unpriced } = ask({ rules: [use(per('1'), more)], usage: [units('8'), guess('3')] })
    expect(total).toBe('8.00')
    expect(unpriced).toMatchObject([{ pointer: '/usage/1', periods: [gap] }])
  })

  test('is billed where the gap is just as long as the rule allows', () => {
    const rule = use(per('1'), { estimate: { method: 'last-known', longestHours: 24 } })
    expect(ask({ rules: [rule], usage: [guess('3')] }).total).toBe('3.00')
  })

  test('of an earlier period is nothing that comes late', () => {
    const february = { from: '2026-02-10T00:00:00Z', to: '2026-02-11T00:00:00Z' }
    const { total, unpriced } = ask({
      rules: [use(per('1'), lastKnown)],
      usage: [guess('3', { period: february })],
    })
    expect(total).toBe('0.00')
    expect(unpriced).toHaveLength(1)
  })

  test('counts where later rules go on in the tiers, and for discounts', () => {
    const then = { ...use(graduated), id: 'then', continues: 'use', select: { meters: ['app.more'] } }
    const usage = [units('4'), guess('4'), { meter: 'app.more', quantity: '4' }]
    const half = { kind: 'discount', id: 'half', percent: '50' }
    const { lines } = ask({ rules: [use(graduated, lastKnown), then, half], usage })
    expect(lines.map(({ amount }) => amount)).toEqual(['4.00', '4.00', '3.00', '-5.50'])
  })

  const quantity = fc.bigInt({ min: 0n, max: 10n ** 6n }).map(String)
  const price = fc.constantFrom(
    per('0.37'),
    graduated,
    tiers('volume', [
      ['500', '2'],
      ['', '1'],
    ]),
    { model: 'stairstep', tiers: [{ upTo: '500', flat: '20' }, { flat: '30' }] },
    { model: 'package', size: '7', price: '3' },
  )
  const extras = fc.constantFrom(
    {},
    { free: { quantity: '400' } },
    { minimum: '900' },
    { increment: { size: '13' } },
    { aggregate: 'maximum' },
  )

  test('sums with what was measured to what all would have cost', () => {
    const exact = (document: object) =>
      ask(document).lines.reduce((sum, line) => add(sum, unwrap(parseDecimal(line.exact))), rational(0n))
    fc.assert(
      fc.property(price, extras, quantity, quantity, (model, more, known, guessed) => {
        const rules = [use(model, { ...lastKnown, ...more })]
        const parts = exact({ rules, usage: [units(known), guess(guessed)] })
        const whole = exact({ rules, usage: [units(known), units(guessed, { period: gap })] })
        expect(equals(parts, whole)).toBe(true)
      }),
    )
  })
})
