import { describe, expect, test } from 'vitest'
import { MARCH, document, faultsOf, per, tiers, units, use } from '../testing/quotes.ts'
import { quoteAnswer } from './print.ts'

const graduatedAs = (id: string, ...rows: Parameters<typeof tiers>[1]): object => ({
  ...use(tiers('graduated', rows)),
  id,
})
const graduated = (...rows: Parameters<typeof tiers>[1]): object => use(tiers('graduated', rows))

describe('every fault of a document is named, with its place', () => {
  test.each<[string, unknown, string[]]>([
    ['no JSON', '{', [' BODY_MALFORMED']],
    ['a number that is no text', '{"currency":1.5}', [' BODY_MALFORMED']],
    ['nothing', {}, ['/currency FIELD_MISSING', '/period FIELD_MISSING', '/rules FIELD_MISSING']],
    [
      'a bound of coverage, which a quote does not know',
      document([{ ...use(per('1')), reviewBelow: '0.9' }]),
      ['/rules/0/reviewBelow TARIFF_INVALID'],
    ],
    [
      'tiers of a window over a threshold of sums, which begins anew',
      document([use(per('1'), { window: 'year', threshold: { quantity: '5' } })]),
      ['/rules/0/window TARIFF_INVALID'],
    ],
    [
      'an estimate of levels',
      document([use(per('1'), { level: 'second', estimate: { method: 'last-known' } })]),
      ['/rules/0/estimate TARIFF_INVALID'],
    ],
    [
      'an estimate by no known method, and of gaps of no hour',
      document([use(per('1'), { estimate: { method: 'guess', longestHours: 0 } })]),
      ['/rules/0/estimate/method FIELD_INVALID', '/rules/0/estimate/longestHours FIELD_INVALID'],
    ],
    [
      'usage that was estimated by no known method',
      document([use(per('1'))], { usage: [units('1', { estimated: 'none' })] }),
      ['/usage/0/estimated FIELD_INVALID'],
    ],
    [
      'a fee of another document',
      document([{ kind: 'fee', id: 'f', amount: '1', timing: 'advance' }]),
      ['/rules/0/timing TARIFF_INVALID'],
    ],
    ['no rules', document([]), ['/rules FIELD_INVALID']],
    ['an unknown member', document([use(per('1'))], { curency: 'EUR' }), ['/curency FIELD_UNKNOWN']],
    ['an unknown kind', document([{ kind: 'usages', id: 'x' }]), ['/rules/0/kind FIELD_INVALID']],
    ['no kind', document([{ id: 'x' }]), ['/rules/0/kind FIELD_MISSING']],
    ['an unknown model', document([use({ model: 'tierd' })]), ['/rules/0/price/model FIELD_INVALID']],
    [
      'a member of another model',
      document([use({ model: 'per-unit', unitPrice: '1', tiers: [] })]),
      ['/rules/0/price/tiers FIELD_UNKNOWN'],
    ],
    [
      'a number as price',
      document([use({ model: 'per-unit', unitPrice: 1 })]),
      ['/rules/0/price/unitPrice FIELD_INVALID'],
    ],
    [
      'too many decimals',
      document([use(per('0.0000000000001'))]),
      ['/rules/0/price/unitPrice FIELD_INVALID'],
    ],
    ['a price below zero', document([use(per('-1'))]), ['/rules/0/price/unitPrice FIELD_INVALID']],
    ['an unknown unit', document([use(per('1'), { unit: 'GiBi' })]), ['/rules/0/unit FIELD_INVALID']],
    [
      'an unknown policy',
      document([{ kind: 'fee', id: 'f', amount: '1', proration: 'weekly' }]),
      ['/rules/0/proration FIELD_INVALID'],
    ],
    [
      'tiers out of order',
      document([graduated(['10', '1'], ['5', '1'], ['', '1'])]),
      ['/rules/0/price/tiers/1/upTo TARIFF_INVALID'],
    ],
    [
      'tiers that end',
      document([graduated(['10', '1'], ['20', '1'])]),
      ['/rules/0/price/tiers/1/upTo TARIFF_INVALID'],
    ],
    [
      'tiers after the end',
      document([graduated(['', '1'], ['20', '1'], ['', '1'])]),
      ['/rules/0/price/tiers/1 TARIFF_INVALID'],
    ],
    [
      'a currency of its own',
      document([use(per('1'))], { currency: 'EURO' }),
      ['/currency CURRENCY_UNKNOWN'],
    ],
    ['no zone', document([use(per('1'))], { zone: 'Berlin' }), ['/zone ZONE_UNKNOWN']],
    [
      'a period that is reversed',
      document([use(per('1'))], { period: { from: MARCH.to, to: MARCH.from } }),
      ['/period PERIOD_REVERSED'],
    ],
    [
      'an instant without offset',
      document([use(per('1'))], { period: { ...MARCH, to: '2026-04-01T00:00:00' } }),
      ['/period/to INSTANT_INVALID'],
    ],
    [
      'two instants that are none',
      document([use(per('1'))], {
        usage: [units('1', { period: { from: 'x', to: '2026-02-30T00:00:00Z' } })],
      }),
      ['/usage/0/period/from INSTANT_INVALID', '/usage/0/period/to INSTANT_INVALID'],
    ],
    ['two rules of one id', document([use(per('1')), use(per('1'))]), ['/rules/1/id TARIFF_INVALID']],
    [
      'a rule that looks ahead',
      document([{ kind: 'minimum', id: 'm', amount: '1', of: ['use'] }, use(per('1'))]),
      ['/rules/0/of/0 TARIFF_INVALID'],
    ],
    [
      'a rule that looks at itself',
      document([{ kind: 'discount', id: 'd', percent: '1', of: ['d'] }]),
      ['/rules/0/of/0 TARIFF_INVALID'],
    ],
    [
      'a discount of both kinds',
      document([{ kind: 'discount', id: 'd', percent: '1', amount: '1' }]),
      ['/rules/0 TARIFF_INVALID'],
    ],
    [
      'a discount of more than all',
      document([{ kind: 'discount', id: 'd', percent: '100.1' }]),
      ['/rules/0/percent TARIFF_INVALID'],
    ],
    [
      'bands that rise',
      document([
        {
          kind: 'sla-credit',
          id: 's',
          service: 'vm',
          bands: [
            { below: '95', percent: '50' },
            { below: '99', percent: '10' },
          ],
        },
      ]),
      ['/rules/0/bands/1/below TARIFF_INVALID'],
    ],
    [
      'no availability',
      document([{ kind: 'sla-credit', id: 's', service: 'vm', bands: [{ below: '95', percent: '50' }] }]),
      ['/rules/0 USAGE_INCOMPLETE'],
    ],
    [
      'usage of another dimension',
      document([use(per('1'), { unit: 'GB' })], { usage: [units('1', { unit: 's' })] }),
      ['/usage/0/unit UNIT_MISMATCH'],
    ],
    [
      'usage without a quantity',
      document([use(per('1'))], { usage: [{ meter: 'app.units' }] }),
      ['/usage/0/quantity TARIFF_INVALID'],
    ],
    [
      'less than nothing in tiers',
      document([graduated(['', '1'])], { usage: [units('-1')] }),
      ['/rules/0 OUT_OF_RANGE'],
    ],
    [
      'billed by no rule',
      document([use(per('1'))], { billed: [{ rule: 'x', quantity: '1' }] }),
      ['/billed/0/rule TARIFF_INVALID'],
    ],
    [
      'billed in the wrong measure',
      document([use(per('1')), { kind: 'fee', id: 'f', amount: '1' }], {
        billed: [
          { rule: 'use', amount: '1' },
          { rule: 'f', amount: '1' },
        ],
      }),
      ['/billed/0 TARIFF_INVALID', '/billed/1/rule TARIFF_INVALID'],
    ],
    [
      'going on from a fee',
      document([{ kind: 'fee', id: 'f', amount: '1' }, use(per('1'), { continues: 'f' })]),
      ['/rules/1/continues TARIFF_INVALID'],
    ],
    [
      'zero with a minus',
      document([{ kind: 'fee', id: 'f', amount: '5', quantity: '-0.0' }]),
      ['/rules/0/quantity FIELD_INVALID'],
    ],
    [
      'more than 64 bits of cents',
      document([{ kind: 'fee', id: 'f', amount: '92233720368547758.08' }]),
      ['/rules/0 OUT_OF_RANGE'],
    ],
    [
      'a grant in half cents',
      document([{ kind: 'credit', id: 'c', grants: [{ id: 'g', amount: '0.005' }] }]),
      ['/rules/0/grants/0/amount AMOUNT_SCALE'],
    ],
    [
      'several at once',
      document([use(per('x')), { kind: 'fee', id: '', amount: '1' }, { kind: 'what', id: 'z' }]),
      ['/rules/0/price/unitPrice FIELD_INVALID', '/rules/1/id FIELD_INVALID', '/rules/2/kind FIELD_INVALID'],
    ],
    [
      'some of the form, some of the meaning, some of what it comes to',
      document(
        [
          use(per('x')),
          { kind: 'discount', id: 'd', percent: '101' },
          graduatedAs('tiers', ['', '1']),
          { kind: 'minimum', id: 'm', amount: '1', of: ['use', 'd', 'nobody'] },
        ],
        {
          usage: [units('x'), units('1', { unit: 's' }), units('-1')],
          billed: [
            { rule: 'use', quantity: '1' },
            { rule: 'nobody', quantity: '1' },
          ],
        },
      ),
      [
        '/rules/0/price/unitPrice FIELD_INVALID',
        '/rules/1/percent TARIFF_INVALID',
        '/rules/3/of/2 TARIFF_INVALID',
        '/usage/0/quantity FIELD_INVALID',
        '/usage/1/unit UNIT_MISMATCH',
        '/billed/1/rule TARIFF_INVALID',
      ],
    ],
    [
      'what rules come to beside a rule that cannot be read, at its place',
      document([use(per('x')), graduatedAs('tiers', ['', '1'])], { usage: [units('1'), units('-2')] }),
      ['/rules/0/price/unitPrice FIELD_INVALID', '/rules/1 OUT_OF_RANGE'],
    ],
    [
      'no currency and no period, and rules beside them',
      {
        rules: [{ kind: 'discount', id: 'd', percent: '101' }, graduatedAs('g', ['1', '1'])],
        usage: [units('x')],
      },
      [
        '/currency FIELD_MISSING',
        '/period FIELD_MISSING',
        '/rules/0/percent TARIFF_INVALID',
        '/rules/1/price/tiers/0/upTo TARIFF_INVALID',
        '/usage/0/quantity FIELD_INVALID',
      ],
    ],
    [
      'a reversed period, which says nothing of what was billed before it',
      document([use(per('1'), { window: 'year' }), { kind: 'discount', id: 'd', percent: '101' }], {
        period: { from: MARCH.to, to: MARCH.from },
        billed: [{ rule: 'use', quantity: '1', amount: '1', period: MARCH }],
      }),
      ['/period PERIOD_REVERSED', '/rules/1/percent TARIFF_INVALID'],
    ],
    [
      'an item that cannot be read, and a rule that sells it',
      document([{ kind: 'usage', id: 'use', item: 'i', price: per('1') }], {
        items: [{ id: 'i', meter: 'app.units' }],
      }),
      ['/items/0/unit FIELD_MISSING'],
    ],
  ])('%s', (_, given, expected) => {
    expect(faultsOf(given).toSorted()).toEqual(expected.toSorted())
  })

  test('a misspelt name is answered with the right one', () => {
    const { text } = quoteAnswer(JSON.stringify(document([use({ model: 'gradated' }, { aggregte: 'sum' })])))
    expect(text).toContain('did you mean graduated?')
    expect(text).toContain('did you mean aggregate?')
  })
})
