import { create } from '@bufbuild/protobuf'
import { RateRequestSchema } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { expect, test } from 'vitest'
import { DAY, HOUR_MS, measured, port, steady, tariffOf, usage } from '../testing/test-day.ts'
import { rate } from './rate.ts'

/** 2 MB in each minute. */
const busy = port('b', () => 2_000_000)
const asked = async (rules: Tariff['rules'], withUsage = true) => {
  const tariff = tariffOf(rules)
  const snapshot = await measured(tariff, [steady, busy])
  return unwrap(rate(create(RateRequestSchema, { tariff, snapshot, withUsage })))
}
const shown = ({ usage: lines }: Awaited<ReturnType<typeof asked>>) =>
  lines.map(({ lineId, parts }) => [
    lineId.replace(/ 2026.*/, ''),
    ...parts.map(({ resource, period, quantity }) => {
      const hour = (ms: bigint): number => (Number(ms) - DAY.from) / HOUR_MS
      return `${resource} ${hour(period!.fromMs)}-${hour(period!.toMs)} ${quantity}`
    }),
  ])

test('a line names what it prices of each metered resource, in its unit and before it is rounded', async () => {
  const rules = [usage({ increment: { size: '10000', at: 'line' } }), { kind: 'fee', id: 'f', amount: '1' }]
  const answer = await asked(rules)
  expect(answer.charges.map(({ quantity }) => quantity)).toEqual(['10000', '1'])
  expect(shown(answer)).toEqual([['traffic', 'switch:a/port:1 0-23 1380', 'switch:b/port:1 0-23 2760']])
})

test('stretches that follow each other are one, those of another price are not in between', async () => {
  const windowed = usage({
    grain: 'hour',
    price: {
      model: 'calendar',
      windows: [{ name: 'lunch', from: '12:00', to: '14:00' }],
      prices: { lunch: { model: 'per-unit', unitPrice: '1' } },
      otherwise: { model: 'per-unit', unitPrice: '2' },
    },
  })
  // Clocks go forward at 2, so that noon is the 11th hour.
  expect(shown(await asked([windowed]))).toEqual([
    [
      'traffic otherwise',
      'switch:a/port:1 0-11 660',
      'switch:a/port:1 13-23 600',
      'switch:b/port:1 0-11 1320',
      'switch:b/port:1 13-23 1200',
    ],
    ['traffic lunch', 'switch:a/port:1 11-13 120', 'switch:b/port:1 11-13 240'],
  ])
})

test('of what is ranked, it is what the ports moved', async () => {
  const burst = {
    kind: 'percentile',
    id: 'burst',
    per: 'resource',
    directions: 'in',
    select: { meters: ['host.network.received'] },
    unit: 'Mbit/s',
    price: { model: 'per-unit', unitPrice: '2' },
  }
  expect(shown(await asked([burst]))).toEqual([
    ['burst switch:a', 'switch:a/port:1 0-23 1380000000'],
    ['burst switch:b', 'switch:b/port:1 0-23 2760000000'],
  ])
})

test('nothing is said where it was not asked for', async () => {
  expect((await asked([usage({})], false)).usage).toEqual([])
})
