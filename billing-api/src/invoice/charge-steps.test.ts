import { create } from '@bufbuild/protobuf'
import { ChargeSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { ZERO, rational } from '@vouch/proto/kernel/rational.ts'
import { expect, test } from 'vitest'
import type { UsedPart } from '../attribution/usage-weights.ts'
import { chargeSteps } from './charge-steps.ts'

const HOUR_MS = 3_600_000
const DAY: Period = { from: 0, to: 24 * HOUR_MS }
const CALENDAR = { step: 'hour', timeZone: 'UTC' } as const
const hours = (from: number, to: number): Period => ({ from: from * HOUR_MS, to: to * HOUR_MS })
const charge = (amount: string, quantity: string, { from, to } = DAY) =>
  create(ChargeSchema, {
    amount,
    quantity,
    currency: 'EUR',
    period: { fromMs: BigInt(from), toMs: BigInt(to) },
  })
const part = (period: Period, quantity: bigint, even = false): UsedPart => ({
  resource: 'host:a',
  meter: 'host.cpu.used',
  period,
  quantity: rational(quantity),
  even,
})
const shown = (steps: ReturnType<typeof chargeSteps>): string[] =>
  steps.map(({ period, quantity, amount }) => `${period.from / HOUR_MS} ${quantity} ${amount}`)
const nothing = () => ZERO

test.each<[string, Parameters<typeof chargeSteps>, string[]]>([
  [
    'a fee by time, odd cents to the first',
    [charge('-0.10', '', hours(0, 3)), [], CALENDAR, nothing],
    ['0  -0.04', '1  -0.03', '2  -0.03'],
  ],
  [
    'usage by what was used, nothing left out of the sum',
    [
      charge('1.00', '6', hours(0, 4)),
      [part(hours(0, 4), 6n)],
      CALENDAR,
      ({ period }) => rational(BigInt(period.from / HOUR_MS)),
    ],
    ['1 1 0.17', '2 2 0.33', '3 3 0.50'],
  ],
  [
    'usage of which nothing was measured by time',
    [charge('0.02', '2', hours(0, 2)), [part(hours(0, 2), 2n)], CALENDAR, nothing],
    ['0 1 0.01', '1 1 0.01'],
  ],
  [
    'stated usage evenly, whatever was measured',
    [
      charge('0.04', '4', hours(0, 2)),
      [part(hours(0, 2), 4n, true)],
      CALENDAR,
      ({ period }) => rational(BigInt(period.from)),
    ],
    ['0 2 0.02', '1 2 0.02'],
  ],
  [
    'parts that lie outside of the period of the charge',
    [charge('0.02', '2', hours(2, 3)), [part(hours(0, 1), 1n), part(hours(2, 3), 1n)], CALENDAR, nothing],
    ['0 1 0.01', '2 1 0.01'],
  ],
  ['nothing', [charge('0.00', '0', hours(0, 2)), [], CALENDAR, nothing], []],
])('%s', (_, given, expected) => {
  expect(shown(chargeSteps(...given))).toEqual(expected)
})

test('two hundred thousand parts', () => {
  const parts = Array.from({ length: 200_000 }, (_, index) =>
    part(hours(index % 2, (index % 2) + 1), 1n, true),
  )
  const steps = chargeSteps(charge('2.00', '200000', hours(0, 2)), parts, CALENDAR, nothing)
  expect(shown(steps)).toEqual(['0 100000 1.00', '1 100000 1.00'])
})
