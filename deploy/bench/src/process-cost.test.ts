import { expect, test } from 'vitest'
import { cpuMsOf, measure, peakBytesOf } from './process-cost.ts'

test('a process name with spaces and brackets does not shift the fields', () => {
  const fields = 'S 1 2 3 4 5 6 7 8 9 10 150 50 0 0'
  expect(cpuMsOf(`12 (node) ${fields}`)).toBe(2000)
  expect(cpuMsOf(`12 (a) b) (c) ${fields}`)).toBe(2000)
})

test('the largest resident size is in bytes', () => {
  expect(peakBytesOf('VmPeak:\t 9 kB\nVmHWM:\t     123 kB\nVmRSS:\t 5 kB\n')).toBe(125_952)
})

test.skipIf(process.platform !== 'linux')('work in this process shows as its processor time', async () => {
  const { cpuMs, wallMs, peakBytes } = await measure(process.pid, async () => {
    const untilMs = performance.now() + 300
    while (performance.now() < untilMs);
  })
  expect(wallMs).toBeGreaterThanOrEqual(300)
  expect(cpuMs).toBeGreaterThanOrEqual(100)
  expect(peakBytes).toBeGreaterThan(10_000_000)
})
