import { expect, test } from 'vitest'
import { MemoryWatch, cpuMsOf, measure, peakBytesOf, residentBytesOf } from './process-cost.ts'

test('a process name with spaces and brackets does not shift the fields', () => {
  const fields = 'S 1 2 3 4 5 6 7 8 9 10 150 50 0 0'
  expect(cpuMsOf(`12 (node) ${fields}`)).toBe(2000)
  expect(cpuMsOf(`12 (a) b) (c) ${fields}`)).toBe(2000)
})

test('the largest resident size is in bytes', () => {
  expect(peakBytesOf('VmPeak:\t 9 kB\nVmHWM:\t     123 kB\nVmRSS:\t 5 kB\n')).toBe(125_952)
  expect(residentBytesOf('VmHWM:\t     123 kB\nVmRSS:\t 5 kB\n')).toBe(5120)
})

test.skipIf(process.platform !== 'linux')('work in this process shows as its processor time', async () => {
  const before = process.cpuUsage()
  const { cpuMs, wallMs, peakBytes } = await measure(process.pid, async () => {
    // By its own processor time: on a busy machine time on the clock is no work.
    while (process.cpuUsage(before).user < 200_000);
  })
  expect(wallMs).toBeGreaterThanOrEqual(190)
  expect(cpuMs).toBeGreaterThanOrEqual(180)
  expect(peakBytes).toBeGreaterThan(10_000_000)
})

test.skipIf(process.platform !== 'linux')('memory that a process takes shows in its sizes', async () => {
  const watch = new MemoryWatch(process.pid)
  await watch.sample()
  watch.start()
  const taken = Buffer.alloc(100_000_000, 1)
  await new Promise((resolve) => {
    setTimeout(resolve, 1_200)
  })
  const { collectorStartBytes, collectorSteadyBytes, collectorPeakBytes } = await watch.stop()
  expect(collectorSteadyBytes - collectorStartBytes).toBeGreaterThan(90_000_000)
  expect(collectorPeakBytes).toBeGreaterThanOrEqual(collectorSteadyBytes)
  expect(taken.length).toBe(100_000_000)
})
