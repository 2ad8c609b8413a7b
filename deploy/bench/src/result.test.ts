import { expect, test } from 'vitest'
import { middle, ratioOf, resultTable, sideOf } from './result.ts'

const ours = sideOf(3_000_000, { wallMs: 2000.4, cpuMs: 3000, peakBytes: 1024 })
const reference = sideOf(3_000_000, { wallMs: 1000, cpuMs: 1500, peakBytes: 2048 })

test('rates are per second of the clock and of the processor', () => {
  expect(ours).toEqual({
    readings: 3_000_000,
    wallMs: 2000,
    cpuMs: 3000,
    readingsPerSecond: 1_499_700,
    readingsPerCpuSecond: 1_000_000,
    peakBytes: 1024,
  })
})

test('half the readings per CPU-second is a ratio of one half', () => {
  expect(ratioOf(ours, reference)).toBe(0.5)
  expect(ratioOf(reference, ours)).toBe(2)
})

test('a load too small to measure has no ratio, and no infinity', () => {
  const instant = sideOf(1, { wallMs: 0, cpuMs: 0, peakBytes: 0 })
  expect(instant.readingsPerCpuSecond).toBe(0)
  expect(ratioOf(ours, instant)).toBe(0)
})

test('the table shows every figure of both sides', () => {
  const table = resultTable({
    name: 'ingest',
    ratio: 0.5,
    figures: { ...ours, agents: 32 },
    reference: { ...reference, insertReadings: 7 },
  })
  expect(table).toMatch(/^ingest: ratio 0.5\n/)
  expect(table).toMatch(/readingsPerCpuSecond +1,000,000 +2,000,000\n/)
  expect(table).toMatch(/agents +32 +\n/)
  expect(table).toMatch(/insertReadings +7\n/)
})

test.each([
  [[3], 3],
  [[3, 1], 1],
  [[3, 1, 2], 2],
  [[4, 3, 1, 2], 2],
])('the middle of %j is %i', (items, median) => {
  expect(middle(items, (item) => item)).toBe(median)
})
