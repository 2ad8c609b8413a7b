import { expect, test } from 'vitest'
import { benchFleet } from './bench.ts'

test.skipIf(process.platform !== 'linux')(
  'a few agents deliver to a collector whose engine is another process',
  async () => {
    const { result, failure } = await benchFleet({ agents: 3, seconds: 2, spacingMs: 400 }, () => {})
    expect(failure).toBeUndefined()
    expect(result.name).toBe('fleet')
    expect(result.figures).toMatchObject({ agents: 3, batchReadings: 200, batchesWithoutReceipt: 0 })
    expect(result.figures['batches']).toBeGreaterThan(3)
    const { collectorStartBytes = 0, collectorPeakBytes = 0 } = result.figures
    expect(collectorPeakBytes).toBeGreaterThanOrEqual(collectorStartBytes)
    expect(result.ratio).toBeCloseTo(2 ** 30 / collectorPeakBytes, 2)
  },
  90_000,
)

test('more agents than this shell has files are refused before anything starts', async () => {
  await expect(benchFleet({ agents: 10_000_000, seconds: 5 }, () => {})).rejects.toThrow(/ulimit -n/)
})
