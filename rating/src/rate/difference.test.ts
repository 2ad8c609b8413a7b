import { clone, create } from '@bufbuild/protobuf'
import {
  AvailabilitySchema,
  BilledLineSchema,
  type Charge,
  type Snapshot,
  SnapshotSchema,
  UsedGrantSchema,
} from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { describe, expect, test } from 'vitest'
import type { Sent } from '../testing/memory-store.ts'
import { linesOf, measured, steady, tariffOf, usage } from '../testing/test-day.ts'
import { rateSnapshot } from './rate.ts'

/** A charge as the line that an invoice had of it. */
function billedInit({
  lineId,
  itemId,
  ruleId,
  pool,
  description,
  quantity,
  unit,
  amount,
  resource,
  meter,
  kind,
}: Charge) {
  return { kind, lineId, itemId, ruleId, pool, description, quantity, unit, amount, resource, meter }
}

describe('what became known after it was billed', () => {
  const tariff = tariffOf([
    usage({
      per: 'resource',
      price: { model: 'graduated', tiers: [{ upTo: '1000', unitPrice: '0.10' }, { unitPrice: '0.05' }] },
    }),
    { kind: 'minimum', id: 'least', amount: '120' },
  ])
  /** An hour of batches was not there yet. */
  const early: Sent = { ...steady, batches: steady.batches.slice(0, 22) }
  const billedOf = (snapshot: Snapshot): Snapshot['billed'] => {
    const { charges } = unwrap(rateSnapshot(tariff, snapshot))
    return charges.map((charge) => create(BilledLineSchema, billedInit(charge)))
  }

  test('is due beyond what was billed, line by line, at the price that it would have had', async () => {
    const first = await measured(tariff, [early])
    expect(linesOf(tariff, first).map(([, kind, quantity, amount]) => [kind, quantity, amount])).toEqual([
      ['usage', '1319', '115.95'],
      ['minimum', '', '4.05'],
    ])
    const now = await measured(tariff, [steady])
    now.corrects = 'INV-000001'
    now.billed = billedOf(first)
    expect(linesOf(tariff, now)).toEqual([
      ['traffic switch:a 2026-03-28T23:00:00Z', 'late-usage', '61', '3.05'],
      ['least minimum 2026-03-28T23:00:00Z', 'minimum', '', '-3.05'],
    ])
    const again = clone(SnapshotSchema, now)
    again.billed = [...now.billed, ...billedOf(now)]
    expect(linesOf(tariff, again)).toEqual([])
  })

  test('what is gone is given back', async () => {
    const now = await measured(tariff, [early])
    now.corrects = 'INV-000001'
    now.billed = billedOf(await measured(tariff, [steady]))
    now.measurements = []
    expect(linesOf(tariff, now)).toEqual([
      // 120.00 are due, of which 1.00 was billed.
      ['least minimum 2026-03-28T23:00:00Z', 'minimum', '', '119.00'],
      ['traffic switch:a 2026-03-28T23:00:00Z', 'late-usage', '-1380', '-119.00'],
    ])
  })

  test('is a credit given back where a credit is due no more', async () => {
    const credited = tariffOf([
      usage({ per: 'resource', price: { model: 'per-unit', unitPrice: '0.10' } }),
      { kind: 'credit', id: 'wallet', grants: [{ id: 'promo', amount: '20' }] },
    ])
    const now = await measured(credited, [steady])
    now.billed = unwrap(rateSnapshot(credited, now)).charges.map((charge) =>
      create(BilledLineSchema, billedInit(charge)),
    )
    now.corrects = 'INV-000001'
    now.measurements = []
    expect(linesOf(credited, now).map(([, kind, , amount]) => [kind, amount])).toEqual([
      ['late-usage', '-138.00'],
      ['credit', '20.00'],
    ])
  })

  test('names the document that billed it', async () => {
    const now = await measured(tariff, [steady])
    now.billed = billedOf(now)
    const rated = rateSnapshot(tariff, now)
    expect(rated.ok ? undefined : rated.fault).toMatchObject({ code: 'FIELD_INVALID', pointer: '/corrects' })
  })

  test.each([
    [
      'expected',
      [{ service: 'a', expected: '0', available: '0' }],
      'OUT_OF_RANGE',
      '/availability/0/expected',
    ],
    [
      'available',
      [{ service: 'a', expected: '1', available: '2' }],
      'OUT_OF_RANGE',
      '/availability/0/available',
    ],
    [
      'service',
      [
        { service: 'a', expected: '1', available: '1' },
        { service: 'a', expected: '1', available: '1' },
      ],
      'FIELD_INVALID',
      '/availability/1/service',
    ],
  ])('is refused where availability cannot be, by %s', async (_, availability, code, pointer) => {
    const now = await measured(tariff, [steady])
    now.availability = availability.map((each) => create(AvailabilitySchema, each))
    const rated = rateSnapshot(tariff, now)
    expect(rated.ok ? undefined : rated.fault).toMatchObject({ code, pointer })
  })

  test.each([
    ['less than nothing', [{ grant: 'promo', amount: '-1' }], 'OUT_OF_RANGE', '/used/0/amount'],
    [
      'one grant twice',
      [
        { grant: 'promo', amount: '1' },
        { grant: 'promo', amount: '2' },
      ],
      'FIELD_INVALID',
      '/used/1/grant',
    ],
  ])('is refused where %s is used of grants', async (_, used, code, pointer) => {
    const now = await measured(tariff, [steady])
    const rated = rateSnapshot(
      tariff,
      create(SnapshotSchema, { ...now, used: used.map((each) => create(UsedGrantSchema, each)) }),
    )
    expect(rated.ok ? undefined : rated.fault).toMatchObject({ code, pointer })
  })
})
