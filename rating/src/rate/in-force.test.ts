import { create } from '@bufbuild/protobuf'
import { PeriodSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createMemoryStore } from '../testing/memory-store.ts'
import { DAY, HOUR_MS, linesOf, measured, steady, tariffOf, usage } from '../testing/test-day.ts'
import { snapshotOf } from '../testing/test-proof.ts'
import { rateSnapshot } from './rate.ts'

describe('a tariff in force for a part of the period', () => {
  const both = tariffOf([usage({}), { kind: 'fee', id: 'base', amount: '23', proration: 'second' }])
  const part = async (from: number, to: number): Promise<Snapshot> => {
    const sources = createMemoryStore([steady])
    const whole = await snapshotOf(['switch:a'], { from, to }, sources, both)
    const period = { fromMs: BigInt(DAY.from), toMs: BigInt(DAY.to) }
    whole.period = create(PeriodSchema, period)
    return whole
  }

  test('old part and new part are the whole where prices are equal, wherever the cut is', async () => {
    const amounts = (snapshot: Snapshot) =>
      unwrap(rateSnapshot(both, snapshot)).charges.map(({ exact }) => exact)
    const whole = amounts(await part(DAY.from, DAY.to))
    expect(whole).toEqual(['1380', '23'])
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: DAY.from + 1, max: DAY.to - 1 }), async (cut) => {
        const [before, after] = [amounts(await part(DAY.from, cut)), amounts(await part(cut, DAY.to))]
        const sums = before.map((text, i) => valueOf(text) + valueOf(after[i]!))
        expect(sums).toEqual(whole.map(valueOf))
      }),
      { numRuns: 50 },
    )
  })

  test('what is for a whole period is due by days: the price of a percentile, an amount off', async () => {
    const burst = tariffOf([
      {
        kind: 'percentile',
        id: 'port',
        directions: 'in',
        select: { meters: ['host.network.received'] },
        unit: 'kbit/s',
        price: { model: 'per-unit', unitPrice: '3' },
      },
      { kind: 'discount', id: 'off', amount: '10' },
    ])
    const snapshot = await measured(burst, [steady])
    const lines = () => unwrap(rateSnapshot(burst, snapshot)).charges
    // 1 MB a minute is 133 1/3 kbit/s.
    expect(lines().map(({ amount, unitPrice }) => [amount, unitPrice])).toEqual([
      ['400.00', '3'],
      ['-10.00', ''],
    ])
    snapshot.period!.toMs += BigInt(3 * 24 * HOUR_MS)
    expect(lines().map(({ amount, unitPrice }) => [amount, unitPrice])).toEqual([
      ['100.00', ''],
      ['-2.50', ''],
    ])
    expect(lines()[0]!.trace.map(({ rule }) => rule)).toContain('prorated')
  })

  test('of centuries by the hour is refused before it is cut', async () => {
    const hourly = tariffOf([usage({ grain: 'hour' })])
    const snapshot = await measured(hourly, [steady])
    snapshot.period!.toMs = snapshot.inForce!.toMs = 250_000_000_000_000n
    const rated = rateSnapshot(hourly, snapshot)
    expect(rated.ok ? undefined : rated.fault.code).toBe('OUT_OF_RANGE')
  })

  test('ten hours of it are in the lines', async () => {
    const lines = linesOf(both, await part(DAY.from, DAY.from + 10 * HOUR_MS))
    expect(lines.map(([, , quantity, amount]) => [quantity, amount])).toEqual([
      ['600', '600.00'],
      ['1', '10.00'],
    ])
  })
})

/** An exact number as whole parts of 23 · 10^12 hours' milliseconds, so that sums of fractions stay exact. */
function valueOf(text: string): bigint {
  const [n = '0', d = '1'] = text.split('/')
  const [whole = '', decimals = ''] = n.split('.')
  const unit = BigInt(DAY.to - DAY.from) * 10n ** 12n
  return (BigInt(whole + decimals) * unit) / (BigInt(d) * 10n ** BigInt(decimals.length))
}
