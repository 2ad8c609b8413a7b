import { Settings } from 'typebox/system'
import { expect, test } from 'vitest'
import { MARCH, faultsOf, per, tiers, units, use } from '../testing/quotes.ts'
import { quoteAnswer } from './print.ts'

/** Faults by code and pointer, of a document with other faults. */
const sortedFaultsOf = (more: object): string[] =>
  faultsOf({ currency: 'EUR', period: MARCH, ...more }).toSorted()
const fee = { kind: 'fee', id: 'fee', amount: '1' }
const graduated = tiers('graduated', [['', '1']])

test.each<[string, object, string[]]>([
  [
    'a rule that counts over a window and cannot be read makes nothing of what was billed a fault',
    {
      rules: [fee, { kind: 'commitment', id: 'c', amount: 'x', window: 'quarter' }],
      billed: [{ rule: 'fee', period: { from: '2026-02-01T00:00:00Z', to: MARCH.from }, amount: '10' }],
    },
    ['/rules/1/amount FIELD_INVALID'],
  ],
  [
    'an unknown currency hides nothing of the facts',
    {
      currency: 'ZZQ',
      rules: [use(per('1'))],
      usage: [{ meter: 'app.units' }, units('1', { unit: 'GB' })],
      availability: [{ service: 'a', expected: '1', available: '2' }],
    },
    [
      '/availability/0/available TARIFF_INVALID',
      '/currency CURRENCY_UNKNOWN',
      '/usage/0/quantity TARIFF_INVALID',
      '/usage/1/unit UNIT_MISMATCH',
    ],
  ],
  [
    'nor does a zone that is none',
    { zone: 'No/Where', rules: [use(per('1'))], usage: [{ meter: 'app.units' }] },
    ['/usage/0/quantity TARIFF_INVALID', '/zone ZONE_UNKNOWN'],
  ],
  [
    'a period that cannot be read is not before the contract',
    { period: null, contract: { from: '2026-01-01T00:00:00Z' }, rules: [fee] },
    ['/period FIELD_INVALID'],
  ],
  [
    'usage that cannot be read is not missing from a sum',
    { rules: [use(graduated)], usage: [units('100', { unit: 'bogus' }), units('-50')] },
    ['/usage/0/unit FIELD_INVALID'],
  ],
  [
    'nor is that of a rule which another continues',
    {
      rules: [{ ...use(per('x')), id: 'before' }, use(graduated, { continues: 'before' })],
      usage: [units('-50')],
    },
    ['/rules/0/price/unitPrice FIELD_INVALID'],
  ],
  [
    'of an item that cannot be read nobody knows the unit',
    {
      items: [{ id: 'i', meter: 'app.units', unit: 'GBx' }],
      rules: [{ kind: 'usage', id: 'u', item: 'i', price: per('1') }],
      usage: [units('1', { unit: 'GB' })],
    },
    ['/items/0/unit FIELD_INVALID'],
  ],
  [
    'items that are no list may hold any',
    { items: {}, rules: [{ kind: 'usage', id: 'u', item: 'i', price: per('1') }] },
    ['/items FIELD_INVALID'],
  ],
  [
    'a rule without a readable id may have any',
    {
      rules: [
        { ...fee, id: 5 },
        { kind: 'minimum', id: 'm', amount: '1', of: ['5'] },
      ],
    },
    ['/rules/0/id FIELD_INVALID'],
  ],
  [
    'names with a slash are escaped in pointers',
    {
      rules: [
        use({
          model: 'calendar',
          windows: [{ name: 'night', from: '22:00', to: '24:00' }],
          prices: { night: per('1'), 'a/b': per('1') },
          otherwise: per('1'),
        }),
      ],
    },
    ['/rules/0/price/prices/a~1b TARIFF_INVALID'],
  ],
  [
    'two lines too large are two faults',
    {
      rules: [
        { ...fee, amount: '92233720368547758.08' },
        { ...fee, id: 'other', amount: '92233720368547758.08' },
      ],
    },
    ['/rules/0 OUT_OF_RANGE', '/rules/1 OUT_OF_RANGE'],
  ],
])('%s', (_, document, expected) => {
  expect(sortedFaultsOf(document)).toEqual(expected)
})

test('beyond ten thousand errors of form what is left is not read', () => {
  const usage = Array.from({ length: 10_001 }, () => ({ meter: 5, quantity: 'x' }))
  const faults = sortedFaultsOf({ rules: [fee], usage, availability: [null] })
  expect(faults.length).toBeGreaterThan(9000)
  expect(new Set(faults.map((fault) => fault.split(' ')[1]))).toEqual(new Set(['FIELD_INVALID']))
})

test('nor beyond a smaller bound, which another part of the process may have set', () => {
  const { maxErrors } = Settings.Get()
  Settings.Set({ maxErrors: 100 })
  const usage = Array.from({ length: 101 }, () => ({ meter: 'app.units', quantity: 'x' }))
  expect(sortedFaultsOf({ rules: [use(per('1'))], usage })).toHaveLength(100)
  Settings.Set({ maxErrors })
})

test('a message tells of the first faults, and how many more there are', () => {
  const usage = Array.from({ length: 25 }, () => ({ meter: 'app.units' }))
  const document = { currency: 'EUR', period: MARCH, rules: [use(per('1'))], usage }
  const { fault } = JSON.parse(quoteAnswer(JSON.stringify(document)).text) as {
    fault: { message: string; causes: unknown[] }
  }
  expect(fault.causes).toHaveLength(25)
  expect(fault.message).toMatch(/^\/usage\/0\/quantity: .*\/usage\/19\/quantity: [^;]*; and 5 more$/)
})
