import { clone, create } from '@bufbuild/protobuf'
import {
  IncrementPolicySchema,
  type Tariff,
  TariffSchema,
  ThresholdPolicySchema,
} from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { rational } from '@vouch/proto/kernel/rational.ts'
import { describe, expect, test } from 'vitest'
import { TARIFF } from '../testing/test-proof.ts'
import { parseTariff } from './tariff.ts'

const rule = (tariff: Tariff, index = 0) => tariff.rules[index]!

describe('a tariff with several faults names them all', () => {
  test.each<[string, (tariff: Tariff) => void, [string, string][]]>([
    ['unknown currency', (t) => void (t.currency = 'EURO'), [['/currency', 'CURRENCY_UNKNOWN']]],
    ['unknown rounding', (t) => void (t.amountRounding = 'round'), [['/amountRounding', 'FIELD_INVALID']]],
    ['unknown stage', (t) => void (t.roundingStage = 'cent'), [['/roundingStage', 'FIELD_INVALID']]],
    ['unknown meter', (t) => void (t.items[0]!.meter = 'CPU'), [['/items/0/meter', 'METER_UNKNOWN']]],
    ['unknown unit', (t) => void (t.items[0]!.unit = 'GiBi'), [['/items/0/unit', 'FIELD_INVALID']]],
    [
      'unit of another dimension',
      (t) => void (t.items[0]!.unit = 'GB'),
      [['/rules/0/unit', 'UNIT_MISMATCH']],
    ],
    [
      'a percentile in a unit that is no rate',
      (t) =>
        void (
          (rule(t, 1)['kind'] = 'percentile'),
          (rule(t, 1)['directions'] = 'in'),
          delete rule(t, 1)['per']
        ),
      [['/rules/1/unit', 'UNIT_MISMATCH']],
    ],
    [
      'a percentile of a direction that is not metered',
      (t) => {
        t.items = t.items.slice(0, 1)
        t.rules = [
          t.rules[0]!,
          {
            id: 'port',
            kind: 'percentile',
            select: { meters: ['host.network.received'] },
            unit: 'Mbit/s',
            price: { model: 'per-unit', unitPrice: '1' },
          },
        ]
      },
      [['/rules/1/directions', 'TARIFF_INVALID']],
    ],
    [
      'too many decimals kept',
      (t) => void (t.items[0]!.quantityRounding!.scale = 13),
      [['/items/0/quantityRounding/scale', 'FIELD_INVALID']],
    ],
    [
      'an increment of nothing, and a threshold below zero at no stage',
      (t) => {
        t.items[0]!.increment = create(IncrementPolicySchema, { minimum: '1' })
        t.items[1]!.increment = create(IncrementPolicySchema, { size: '0', at: 'entry' })
        t.items[1]!.threshold = create(ThresholdPolicySchema, { quantity: '-1', at: 'day' })
      },
      [
        ['/items/0/increment/size', 'FIELD_MISSING'],
        ['/items/1/threshold/quantity', 'FIELD_INVALID'],
        ['/items/1/threshold/at', 'FIELD_INVALID'],
        ['/items/1/increment/size', 'FIELD_INVALID'],
      ],
    ],
    [
      'price not a decimal',
      (t) => void (rule(t)['price'] = { model: 'per-unit', unitPrice: '1e3' }),
      [['/rules/0/price/unitPrice', 'FIELD_INVALID']],
    ],
    [
      'price below zero, and too many decimals in the next',
      (t) => {
        rule(t)['price'] = { model: 'per-unit', unitPrice: '-1' }
        rule(t, 1)['price'] = { model: 'per-unit', unitPrice: '0.0000000000001' }
      },
      [
        ['/rules/0/price/unitPrice', 'FIELD_INVALID'],
        ['/rules/1/price/unitPrice', 'FIELD_INVALID'],
      ],
    ],
    ['price without model', (t) => void (rule(t)['price'] = {}), [['/rules/0/price/model', 'FIELD_MISSING']]],
    [
      'price of no item',
      (t) => void (rule(t)['item'] = 'y'),
      [
        ['/rules/0/item', 'TARIFF_INVALID'],
        ['/items/0/itemId', 'TARIFF_INVALID'],
      ],
    ],
    ['item twice', (t) => void t.items.push(t.items[0]!), [['/items/2/itemId', 'TARIFF_INVALID']]],
    [
      'the name of the rounding line',
      (t) => void (rule(t)['id'] = 'rounding'),
      [['/rules/0/id', 'TARIFF_INVALID']],
    ],
    ['rule twice', (t) => void t.rules.push(t.rules[0]!), [['/rules/2/id', 'TARIFF_INVALID']]],
    ['nothing priced', (t) => void ((t.rules = []), (t.items = [])), [['/rules', 'FIELD_INVALID']]],
    [
      'neither item nor meters, or both',
      (t) => {
        delete rule(t)['item']
        rule(t, 1)['select'] = { meters: ['host.network.received'] }
        rule(t, 1)['unit'] = 'GB'
      },
      [
        ['/rules/0/select/meters', 'TARIFF_INVALID'],
        ['/rules/1/select/meters', 'TARIFF_INVALID'],
        ['/rules/1/unit', 'TARIFF_INVALID'],
        ['/items/0/itemId', 'TARIFF_INVALID'],
      ],
    ],
    [
      'what snapshots cannot answer',
      (t) => {
        rule(t)['level'] = 'second'
        rule(t, 1)['late'] = 'rejected'
        t.rules.push({
          id: 'fee',
          kind: 'fee',
          amount: '1',
          period: { from: '2026-01-01T00:00:00Z', to: '2026-02-01T00:00:00Z' },
        })
      },
      [
        ['/rules/0/level', 'TARIFF_INVALID'],
        ['/rules/1/late', 'TARIFF_INVALID'],
        ['/rules/2/period', 'TARIFF_INVALID'],
      ],
    ],
    [
      'a cycle: a minimum of a rule below it, and of itself',
      (t) => void t.rules.unshift({ id: 'least', kind: 'minimum', amount: '1', of: ['cpu', 'least'] }),
      [
        ['/rules/0/of/0', 'TARIFF_INVALID'],
        ['/rules/0/of/1', 'TARIFF_INVALID'],
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
})

test('a sound tariff keeps the order of its rules, and knows what they sell', () => {
  const tariff = clone(TariffSchema, TARIFF)
  tariff.rules.reverse()
  const { rules, itemOf } = unwrap(parseTariff(tariff))
  expect(rules.map(({ id, name }) => [id, name, itemOf.get(id)])).toEqual([
    ['traffic', 'Traffic received', 'traffic'],
    ['cpu', 'Processor time', 'cpu'],
  ])
})

test('a rule has the threshold and increment of its item, and its own before those', () => {
  const tariff = clone(TariffSchema, TARIFF)
  for (const item of tariff.items) {
    item.threshold = create(ThresholdPolicySchema, { quantity: '0.5' })
    item.increment = create(IncrementPolicySchema, { size: '0.25', minimum: '1', at: 'line' })
  }
  rule(tariff, 1)['threshold'] = { quantity: '3', at: 'entry' }
  const { rules } = unwrap(parseTariff(tariff))
  const increment = { size: rational(1n, 4n), minimum: rational(1n), at: 'line', origin: ' of item cpu' }
  expect(rules).toMatchObject([
    {
      quantity: { threshold: { quantity: rational(1n, 2n), at: 'line', origin: ' of item cpu' }, increment },
    },
    {
      quantity: {
        threshold: { quantity: rational(3n), at: 'entry', origin: ' instead of 0.5 of item traffic' },
      },
    },
  ])
})

test('a rule that is not in force in the stretch is none, another one is cut to it', () => {
  const tariff = clone(TariffSchema, TARIFF)
  rule(tariff)['effective'] = { from: '1970-01-01T00:00:00.010Z', to: '1970-01-01T00:00:01Z' }
  const inForce = { from: 0, to: 10 }
  const rules = (to: number) =>
    unwrap(parseTariff(tariff, { period: { from: 0, to: 20 }, inForce: { ...inForce, to }, zone: 'UTC' }))
      .rules
  expect(rules(10).map(({ id }) => id)).toEqual(['traffic'])
  expect(rules(15)).toMatchObject([
    { id: 'cpu', effective: { from: 10, to: 15 } },
    { id: 'traffic', effective: { from: 0, to: 15 } },
  ])
})
