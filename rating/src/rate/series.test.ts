import { create } from '@bufbuild/protobuf'
import { GetSeriesRequestSchema, Grain } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { expect, test } from 'vitest'
import { createMemoryStore } from '../testing/memory-store.ts'
import { DAY, steady } from '../testing/test-day.ts'
import { usageSeries } from './series.ts'

const { store } = createMemoryStore([steady])

/** Steps of the day: number of rows, and the quantities of the first and the last. */
async function steps(grain: Grain, share: string) {
  const period = { fromMs: BigInt(DAY.from), toMs: BigInt(DAY.to) }
  const request = create(GetSeriesRequestSchema, {
    period,
    timeZone: 'Europe/Berlin',
    grain,
    assignments: [{ resource: 'switch:a', period, share }],
  })
  const { rows } = unwrap(await usageSeries(request, store))
  return [rows.length, rows[0]?.quantity, rows.at(-1)?.quantity, rows[0]?.coveredMinutes]
}

test('a day on which clocks go forward has 23 hours, and one of what is shared', async () => {
  expect(await steps(Grain.HOUR, '')).toEqual([23, '60000000', '60000000', 60])
  expect(await steps(Grain.DAY, '')).toEqual([1, '1380000000', '1380000000', 1380])
  expect(await steps(Grain.DAY, '0.3334')).toEqual([1, '460092000', '460092000', 1380])
  expect(await steps(Grain.DAY, '0.333333333333')).toEqual([1, '459999999.99954', '459999999.99954', 1380])
})

test('a share beyond the whole is refused', async () => {
  await expect(steps(Grain.DAY, '1.01')).rejects.toThrow('a share is above 0 and at most 1')
})

test('rows have the dimensions of the assignment above them, each of its own', async () => {
  const period = { fromMs: BigInt(DAY.from), toMs: BigInt(DAY.to) }
  const noon = BigInt(DAY.from + (DAY.to - DAY.from) / 2)
  const request = create(GetSeriesRequestSchema, {
    period,
    timeZone: 'Europe/Berlin',
    assignments: [
      { resource: 'switch:a', period: { ...period, toMs: noon }, dimensions: { class: 'gold' } },
      { resource: 'switch:a', period: { ...period, fromMs: noon }, dimensions: { class: 'silver' } },
      { resource: 'switch:b', period, dimensions: { class: 'none' } },
    ],
  })
  const { rows } = unwrap(await usageSeries(request, store))
  expect(rows.map(({ quantity, dimensions }) => [quantity, dimensions])).toEqual([
    ['690000000', { class: 'gold' }],
    ['690000000', { class: 'silver' }],
  ])
})
