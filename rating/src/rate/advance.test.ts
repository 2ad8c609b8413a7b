import { clone, create } from '@bufbuild/protobuf'
import { PeriodSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { BilledLineSchema, type Snapshot, SnapshotSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DAY, HOUR_MS, linesOf, measured, steady, tariffOf, usage } from '../testing/test-day.ts'
import { rateSnapshot } from './rate.ts'

const tariff = tariffOf([
  usage({}),
  { kind: 'fee', id: 'base', amount: '23', timing: 'advance', proration: 'second' },
  { kind: 'fee', id: 'support', amount: '5', proration: 'none' },
  { kind: 'minimum', id: 'least', amount: '2000' },
])
const FROM = '2026-03-28T23:00:00Z'

/** What is billed of the day before it begins, for the part of it under contract. */
const advance = (more: object = {}, to = DAY.to): Snapshot =>
  create(SnapshotSchema, {
    period: { fromMs: BigInt(DAY.from), toMs: BigInt(DAY.to) },
    inForce: { fromMs: BigInt(DAY.from), toMs: BigInt(to) },
    timeZone: 'Europe/Berlin',
    advance: true,
    ...more,
  })
const billedBy = (snapshot: Snapshot, of = tariff): Snapshot['billed'] =>
  unwrap(rateSnapshot(of, snapshot)).charges.map(({ lineId, ruleId, kind, quantity, amount }) =>
    create(BilledLineSchema, { lineId, ruleId, kind, quantity, amount }),
  )

describe('fees in advance', () => {
  test('are all that is billed before', () => {
    expect(linesOf(tariff, advance())).toEqual([[`base fee ${FROM}`, 'fee', '1', '23.00']])
  })

  test('are not due again, and all else is as it would be', async () => {
    const day = await measured(tariff, [steady])
    const whole = linesOf(tariff, day)
    day.billed = billedBy(advance())
    expect(linesOf(tariff, day)).toEqual(whole.filter(([id]) => id !== `base fee ${FROM}`))
    expect(whole.map(([, kind]) => kind)).toEqual(['usage', 'fee', 'fee', 'minimum'])
  })

  test('are given back as far as they are not due', async () => {
    const day = await measured(tariff, [steady])
    day.billed = billedBy(advance())
    day.inForce = create(PeriodSchema, { fromMs: BigInt(DAY.from), toMs: BigInt(DAY.from + 10 * HOUR_MS) })
    day.measurements = []
    expect(linesOf(tariff, day).slice(0, 2)).toEqual([
      [`base fee ${FROM}`, 'fee', '0', '-13.00'],
      [`support fee ${FROM}`, 'fee', '1', '5.00'],
    ])
  })

  test('are given back under a version that has none of them', async () => {
    const without = tariffOf([usage({})])
    const day = await measured(without, [steady])
    day.billed = billedBy(advance())
    expect(linesOf(without, day)).toEqual([
      [`traffic ${FROM}`, 'usage', '1380', '1380.00'],
      [`base fee ${FROM}`, 'fee', '-1', '-23.00'],
    ])
  })

  test('are given back as a whole where nothing comes to them', () => {
    const back = advance({ corrects: 'INV-000001', billed: billedBy(advance()) })
    expect(linesOf(tariff, back)).toEqual([[`base fee ${FROM}`, 'fee', '-1', '-23.00']])
  })

  test('come to what is due, whatever was billed in advance, and with its rest where the total alone is rounded', () => {
    const instant = fc.integer({ min: DAY.from + 1, max: DAY.to })
    const thirds = [0, 1, 2].map((i) => ({
      kind: 'fee',
      id: `f${i}`,
      amount: '10.333333',
      timing: 'advance',
    }))
    const seconds = thirds.map((rule) => ({ ...rule, proration: 'second' }))
    fc.assert(
      fc.property(instant, instant, fc.constantFrom('line', 'document'), (then, now, roundingStage) => {
        const fees = tariffOf(seconds, { roundingStage })
        const cents = (snapshot: Snapshot): number =>
          unwrap(rateSnapshot(fees, snapshot)).charges.reduce(
            (sum, { amount }) => sum + Math.round(Number(amount) * 100),
            0,
          )
        const [before, after] = [advance({}, then), advance({ advance: false }, now)]
        const rest = clone(SnapshotSchema, after)
        rest.billed = billedBy(before, fees)
        expect(cents(before) + cents(rest)).toBe(cents(after))
      }),
    )
  })

  test('are not due again with what is corrected', async () => {
    const day = await measured(tariff, [steady])
    const first = clone(SnapshotSchema, day)
    first.billed = billedBy(advance())
    const again = clone(SnapshotSchema, day)
    again.corrects = 'INV-000002'
    again.billed = [...first.billed, ...billedBy(first)]
    expect(linesOf(tariff, again)).toEqual([])
  })

  test('are no measurements', async () => {
    const day = await measured(tariff, [steady])
    day.advance = true
    const rated = rateSnapshot(tariff, day)
    expect(rated.ok ? undefined : rated.fault).toMatchObject({
      code: 'FIELD_INVALID',
      pointer: '/measurements',
    })
  })
})
