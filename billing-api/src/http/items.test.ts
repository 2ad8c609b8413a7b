import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { list, openAccount, draw, startFixture } from '../testing/billing-fixture.ts'
import type { Fixture } from '../testing/billing-fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
})
afterAll(() => fixture.close())

const plain = {
  id: 'stepped',
  name: 'CPU time',
  meter: 'host.cpu.used',
  unit: 'core-hour',
  rounding: { mode: 'half-even', scale: 6 },
}

describe('an item', () => {
  it('keeps threshold and increment in each of its versions, with the policies that it does not name', async () => {
    const versions: [object, object][] = [
      [{}, {}],
      [{ threshold: { quantity: '0.50' } }, { threshold: { quantity: '0.50', at: 'line' } }],
      [{ increment: { size: '60' } }, { increment: { size: '60', minimum: '0', at: 'entry' } }],
      [
        {
          threshold: { quantity: '0', at: 'entry' },
          increment: { size: '0.000000000001', minimum: '3', at: 'resource' },
        },
        {
          threshold: { quantity: '0', at: 'entry' },
          increment: { size: '0.000000000001', minimum: '3', at: 'resource' },
        },
      ],
    ]
    for (const [index, [asked, kept]] of versions.entries()) {
      const { status, body } = await fixture.send('POST', '/v1/items', { ...plain, ...asked })
      const version = { ...plain, ...kept, version: index + 1 }
      expect([status, body]).toEqual([201, version])
    }
    for (const [index, [, kept]] of versions.entries()) {
      const { body } = await fixture.send('GET', `/v1/items/stepped?version=${index + 1}`)
      expect(body).toEqual({ ...plain, ...kept, version: index + 1 })
    }
    const { body } = await fixture.send('GET', '/v1/items')
    expect(list(body['items'])).toEqual([{ ...plain, ...versions[3]![1], version: 4 }])
  })

  it('reaches rating, and the proof, in the version that a short tariff names', async () => {
    const price = { item: 'stepped', unitPrice: { amount: '12.042', currency: 'EUR' } }
    const tariff = { id: 'standard', currency: 'EUR', amountRounding: 'half-even' }
    for (const itemVersion of [1, 4])
      await fixture.send('POST', '/v1/tariffs', { ...tariff, prices: [{ ...price, itemVersion }] })
    await openAccount(fixture, 'acme')
    const id = await draw(fixture, 'acme', 2)
    const expected = {
      itemId: 'stepped',
      version: 4,
      threshold: { quantity: '0', at: 'entry' },
      increment: { size: '0.000000000001', minimum: '3', at: 'resource' },
    }
    expect(fixture.rating.requests.at(-1)!.tariff!.items).toMatchObject([expected])
    await fixture.send('POST', `/v1/invoices/${id}/issue`)
    const { bytes } = await fixture.send('GET', `/v1/invoices/${id}/proof`)
    expect(JSON.parse(new TextDecoder().decode(bytes)).tariffs[0].items).toMatchObject([expected])
  })

  it.each<[string, object, string, string]>([
    ['no step', { increment: { size: '0.0' } }, 'OUT_OF_RANGE', '/increment/size'],
    ['a step backwards', { increment: { size: '-1' } }, 'OUT_OF_RANGE', '/increment/size'],
    ['an exponent', { increment: { size: '1e3' } }, 'DECIMAL_INVALID', '/increment/size'],
    ['a step without size', { increment: { at: 'line' } }, 'FIELD_MISSING', '/increment/size'],
    [
      'a minimum below zero',
      { increment: { size: '1', minimum: '-1' } },
      'OUT_OF_RANGE',
      '/increment/minimum',
    ],
    ['another stage', { increment: { size: '1', at: 'invoice' } }, 'FIELD_INVALID', '/increment/at'],
    ['a threshold below zero', { threshold: { quantity: '-0.1' } }, 'OUT_OF_RANGE', '/threshold/quantity'],
    [
      'more decimals than rating takes',
      { threshold: { quantity: '0.0000000000001' } },
      'DECIMAL_INVALID',
      '/threshold/quantity',
    ],
    ['a number', { threshold: { quantity: 1 } }, 'FIELD_INVALID', '/threshold/quantity'],
    ['an unknown member', { threshold: { quantity: '1', of: 'x' } }, 'FIELD_UNKNOWN', '/threshold/of'],
  ])('is refused with %s', async (_, more, code, pointer) => {
    const { status, body } = await fixture.send('POST', '/v1/items', { ...plain, ...more })
    expect([status, body['code'], body['pointer']]).toEqual([400, code, pointer])
  })

  it('has every fault named at once', async () => {
    const more = { threshold: { quantity: '-1' }, increment: { size: 'x', minimum: '-1' } }
    const { body } = await fixture.send('POST', '/v1/items', { ...plain, ...more })
    expect(list(body['errors']).map(({ pointer }) => pointer)).toEqual([
      '/threshold/quantity',
      '/increment/size',
      '/increment/minimum',
    ])
  })
})

it.each([
  ["threshold_quantity = '1'", 'a stage that is not there'],
  ["increment_size = '0', increment_minimum = '0', increment_at = 'line'", 'no step'],
  ["threshold_quantity = '1', threshold_at = 'invoice'", 'another stage'],
])('the database refuses %s: %s', async (members) => {
  const values = Object.fromEntries(members.split(', ').map((each) => each.split(' = ')))
  const insert = `INSERT INTO billing.items (item_id, version, name, meter, unit, rounding_mode, rounding_scale,
    created_at, ${Object.keys(values).join(', ')}) VALUES ('raw', 1, 'x', 'm', 'u', 'up', 1, now(),
    ${Object.values(values).join(', ')})`
  await expect(fixture.sql.query(insert)).rejects.toMatchObject({ code: '23514' })
})
