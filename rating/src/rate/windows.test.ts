import { type JsonObject, create } from '@bufbuild/protobuf'
import { PeriodSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { BilledLineSchema, type Charge } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { expect, test } from 'vitest'
import { DAY, DAYS, charges, containers, measured, outage } from '../testing/test-outage.ts'

test('a window goes on from the quantity that was billed, not from the decimals that a line shows', async () => {
  const rule = {
    ...containers({ method: 'none' }),
    unit: 'MiB-hour',
    window: 'year',
    price: { model: 'package', size: '10', price: '100', rounding: 'ceiling' },
  } satisfies JsonObject
  // A MiB for six hours and forty minutes of the first day, and for three hours and twenty minutes of the second: ten.
  const sent = [outage('m', [], { from: 24 - 20 / 3, to: 24 + 10 / 3 })]
  const known = async (period: Period) => {
    const snapshot = await measured(sent, [rule], period)
    snapshot.contract = create(PeriodSchema, { fromMs: BigInt(DAYS.from), toMs: BigInt(DAYS.to) })
    return snapshot
  }
  const first = charges(await known({ from: DAYS.from, to: DAY.from }), [rule])
  expect(shown(first)).toEqual([['6.666666666667', '20/3', '100.00']])
  const second = await known(DAY)
  second.windowBilled = first.map((charge) => create(BilledLineSchema, { ...billed(charge) }))
  expect(shown(charges(second, [rule]))).toEqual([['3.333333333333', '10/3', '0.00']])
  expect(shown(charges(await known(DAYS), [rule]))).toEqual([['10', '', '100.00']])
})

const shown = (lines: readonly Charge[]) =>
  lines.map(({ quantity, exactQuantity, amount }) => [quantity, exactQuantity, amount])

const billed = ({ ruleId, pool, quantity, exactQuantity, unit, amount, period }: Charge) => ({
  ruleId,
  pool,
  quantity,
  exactQuantity,
  unit,
  amount,
  period: period!,
})
