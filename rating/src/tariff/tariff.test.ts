import { clone } from '@bufbuild/protobuf'
import { type Tariff, TariffSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { rational } from '@vouch/proto/kernel/rational.ts'
import type { RoundingName } from '@vouch/proto/kernel/rounding.ts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TARIFF } from '../testing/test-proof.ts'
import { priceUsage } from './charge.ts'
import { type PricedItem, parseTariff } from './tariff.ts'

const RULES = { currency: 'EUR', amountRounding: 'half-up' } as const

function item(
  unit: PricedItem['unit'],
  price: string,
  scale = 6,
  mode: RoundingName = 'half-even',
): PricedItem {
  const [whole = '', decimals = ''] = price.split('.')
  const unitPrice = rational(BigInt(whole + decimals), 10n ** BigInt(decimals.length))
  return {
    itemId: 'x',
    name: 'X',
    meter: 'app.x',
    unit,
    quantityRounding: mode,
    quantityScale: scale,
    unitPriceText: price,
    unitPrice,
  }
}

test('the order and grouping of streams do not change a price', () => {
  const quantities = fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n }), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(quantities, (parts) => {
      const forward = unwrap(priceUsage(item('core-hour', '0.05'), RULES, parts, 'ms'))
      const backward = unwrap(priceUsage(item('core-hour', '0.05'), RULES, parts.toReversed(), 'ms'))
      const total = parts.reduce((sum, part) => sum + part, 0n)
      const joined = unwrap(priceUsage(item('core-hour', '0.05'), RULES, [total], 'ms'))
      expect(backward).toEqual(forward)
      expect([joined.quantity, joined.amount]).toEqual([forward.quantity, forward.amount])
    }),
  )
})

test('a price rises with the quantity', () => {
  const quantity = fc.bigInt({ min: 0n, max: 2n ** 50n })
  fc.assert(
    fc.property(quantity, quantity, (a, more) => {
      const cents = (base: bigint): bigint =>
        BigInt(
          unwrap(priceUsage(item('GiB-hour', '0.013'), RULES, [base], 'MiB-second')).amount.replace('.', ''),
        )
      expect(cents(a + more)).toBeGreaterThanOrEqual(cents(a))
    }),
  )
})

describe('worked examples', () => {
  test.each([
    ['V10 unit price 10 for 5', item('1', '10', 0), RULES, [5n], '1', '5', '50.00'],
    ['V11 unit price 10 for 20 in two streams', item('1', '10', 0), RULES, [7n, 13n], '1', '20', '200.00'],
    ['V12 convert, round up, then price', item('kB', '10', 0, 'ceiling'), RULES, [1400n], 'B', '2', '20.00'],
    [
      'V14 10 at 1.33333',
      item('1', '1.33333', 0),
      { currency: 'USD', amountRounding: 'half-up' },
      [10n],
      '1',
      '10',
      '13.33',
    ],
    [
      'V57 rounding after the conversion',
      item('kB', '1', 0, 'ceiling'),
      RULES,
      [98_900n],
      'B',
      '99',
      '99.00',
    ],
    [
      'a currency without decimals',
      item('1', '322.5', 0),
      { currency: 'JPY', amountRounding: 'half-up' },
      [1n],
      '1',
      '1',
      '323',
    ],
    [
      'a currency with three decimals',
      item('1', '0.0015', 0),
      { currency: 'KWD', amountRounding: 'half-even' },
      [1n],
      '1',
      '1',
      '0.002',
    ],
    ['GB is not GiB', item('GB', '1', 9), RULES, [2n ** 30n], 'B', '1.073741824', '1.07'],
    ['nothing costs nothing', item('core-hour', '0.05'), RULES, [0n], 'ms', '0.000000', '0.00'],
    [
      'half a cent to even',
      item('1', '0.005', 0),
      { currency: 'EUR', amountRounding: 'half-even' },
      [1n],
      '1',
      '1',
      '0.00',
    ],
    ['half a cent up', item('1', '0.005', 0), RULES, [1n], '1', '1', '0.01'],
    [
      'more than 64 bits',
      item('GB', '0.01', 3),
      RULES,
      [2n ** 64n - 1n, 1n],
      'B',
      '18446744073.710',
      '184467440.74',
    ],
  ] as const)('%s', (_, priced, rules, quantities, unit, quantity, amount) => {
    expect(unwrap(priceUsage(priced, rules, quantities, unit))).toMatchObject({ quantity, amount })
  })

  test('every step is in the trace', () => {
    const { trace } = unwrap(priceUsage(item('core-hour', '0.05', 3), RULES, [1_000_000n, 1n], 'ms'))
    expect(trace).toEqual([
      { rule: 'sum of streams', input: '2 of app.x', output: '1000001' },
      { rule: 'ms to core-hour', input: '1000001 × 1/3600000', output: '1000001/3600000' },
      { rule: 'quantity half-even 3', input: '1000001/3600000', output: '0.278' },
      { rule: 'per unit', input: '0.278 × 0.05', output: '0.0139' },
      { rule: 'amount half-up EUR', input: '0.0139', output: '0.01' },
    ])
  })

  test('units of different dimensions do not convert', () => {
    expect(priceUsage(item('GB', '1'), RULES, [1n], 'ms')).toMatchObject({
      ok: false,
      fault: { code: 'UNIT_MISMATCH' },
    })
  })
})

describe('a tariff with several faults names them all', () => {
  test.each<[string, (tariff: Tariff) => void, [string, string][]]>([
    ['no id', (t) => void (t.tariffId = ''), [['/tariffId', 'TARIFF_INVALID']]],
    ['no version', (t) => void (t.version = 0), [['/version', 'TARIFF_INVALID']]],
    ['unknown currency', (t) => void (t.currency = 'EURO'), [['/currency', 'CURRENCY_UNKNOWN']]],
    ['unknown rounding', (t) => void (t.amountRounding = 'round'), [['/amountRounding', 'ROUNDING_UNKNOWN']]],
    ['unknown meter', (t) => void (t.items[0]!.meter = 'CPU'), [['/items/0/meter', 'METER_UNKNOWN']]],
    ['unknown unit', (t) => void (t.items[0]!.unit = 'GiBi'), [['/items/0/unit', 'UNIT_UNKNOWN']]],
    [
      'unit of another dimension',
      (t) => void (t.items[0]!.unit = 'GB'),
      [['/items/0/unit', 'UNIT_MISMATCH']],
    ],
    [
      'no rounding of the quantity',
      (t) => void delete t.items[0]!.quantityRounding,
      [['/items/0/quantityRounding', 'FIELD_MISSING']],
    ],
    [
      'too many decimals kept',
      (t) => void (t.items[0]!.quantityRounding!.scale = 13),
      [['/items/0/quantityRounding/scale', 'TARIFF_INVALID']],
    ],
    [
      'price not a decimal',
      (t) => void (t.prices[0]!.model.value!.unitPrice = '1e3'),
      [['/prices/0/perUnit/unitPrice', 'DECIMAL_INVALID']],
    ],
    [
      'price below zero',
      (t) => void (t.prices[0]!.model.value!.unitPrice = '-1'),
      [['/prices/0/perUnit/unitPrice', 'TARIFF_INVALID']],
    ],
    [
      'price without model',
      (t) => void (t.prices[0]!.model = { case: undefined }),
      [['/prices/0/model', 'TARIFF_INVALID']],
    ],
    [
      'price of no item',
      (t) => void (t.prices[0]!.itemId = 'y'),
      [
        ['/prices/0/itemId', 'TARIFF_INVALID'],
        ['/items/0/itemId', 'TARIFF_INVALID'],
      ],
    ],
    ['item twice', (t) => void t.items.push(t.items[0]!), [['/items/2/itemId', 'TARIFF_INVALID']]],
    ['price twice', (t) => void t.prices.push(t.prices[0]!), [['/prices/2/itemId', 'TARIFF_INVALID']]],
    ['nothing priced', (t) => void ((t.prices = []), (t.items = [])), [['/prices', 'TARIFF_INVALID']]],
    [
      'two at once',
      (t) => void ((t.currency = ''), (t.items[1]!.name = '')),
      [
        ['/currency', 'CURRENCY_UNKNOWN'],
        ['/items/1/name', 'TARIFF_INVALID'],
      ],
    ],
  ])('%s', (_, change, expected) => {
    const tariff = clone(TariffSchema, TARIFF)
    change(tariff)
    const parsed = parseTariff(tariff)
    expect(parsed.ok).toBe(false)
    if (parsed.ok) return
    expect(parsed.fault.code).toBe('TARIFF_INVALID')
    expect(parsed.fault.causes?.map(({ pointer, code }) => [pointer, code])).toEqual(expected)
  })

  test('too many decimals in a price', () => {
    const tariff = clone(TariffSchema, TARIFF)
    tariff.prices[0]!.model.value!.unitPrice = '0.0000000000001'
    expect(parseTariff(tariff)).toMatchObject({
      ok: false,
      fault: { causes: [{ pointer: '/prices/0/perUnit/unitPrice' }] },
    })
  })

  test('a sound tariff keeps the order of its prices', () => {
    const tariff = clone(TariffSchema, TARIFF)
    tariff.prices.reverse()
    expect(unwrap(parseTariff(tariff)).items.map(({ itemId }) => itemId)).toEqual(['traffic', 'cpu'])
  })
})
