import { create } from '@bufbuild/protobuf'
import { ItemSchema, TariffSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Item, Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { expect, test } from 'vitest'
import { orphansOf } from './orphans.ts'

const item = (itemId: string, meter: string): Item => create(ItemSchema, { itemId, name: itemId, meter })
const tariff = (items: Item[], ...meters: string[]): Tariff =>
  create(TariffSchema, {
    items,
    rules: meters.length === 0 ? [] : [{ select: { meters } }, { select: {} }, {}],
  })
const measured = (...meters: string[]) => meters.map((meter) => ({ meter, unit: 's', resources: 2 }))
const [cpu, disk] = [item('cpu', 'host.cpu'), item('disk', 'host.disk')]

test.each<[string, Parameters<typeof orphansOf>[0], string[]]>([
  ['nothing is none', { items: [], tariffs: [], agreed: [], measured: [] }, []],
  [
    'what is sold, agreed and measured is none',
    { items: [cpu], tariffs: [tariff([cpu])], agreed: [tariff([cpu])], measured: measured('host.cpu') },
    [],
  ],
  [
    'what a rule prices by its name is none',
    { items: [], tariffs: [], agreed: [tariff([], 'app.a', 'app.b')], measured: measured('app.a', 'app.b') },
    [],
  ],
  [
    'no tariff',
    { items: [cpu], tariffs: [tariff([disk], 'app.a')], agreed: [], measured: measured('host.cpu', 'app.b') },
    ['host.cpu no-tariff', 'app.b no-tariff', 'cpu no-tariff'],
  ],
  [
    'no contract',
    {
      items: [cpu],
      tariffs: [tariff([cpu], 'app.a')],
      agreed: [tariff([disk])],
      measured: measured('host.cpu', 'app.a'),
    },
    ['host.cpu no-contract', 'app.a no-contract', 'cpu no-contract'],
  ],
  [
    'not measured',
    { items: [cpu, disk], tariffs: [], agreed: [tariff([cpu, disk])], measured: measured('host.disk') },
    ['cpu not-measured'],
  ],
  [
    'an older version that is agreed bills another meter',
    {
      items: [item('cpu', 'app.vcpu')],
      tariffs: [],
      agreed: [tariff([cpu])],
      measured: measured('host.cpu', 'app.vcpu'),
    },
    ['app.vcpu no-tariff'],
  ],
])('%s', (_, sold, expected) => {
  const { meters, items } = orphansOf(sold)
  expect([
    ...meters.map(({ meter, reason }) => `${meter} ${reason}`),
    ...items.map((each) => `${each.item} ${each.reason}`),
  ]).toEqual(expected)
})
