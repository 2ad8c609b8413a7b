import { expect, test } from 'vitest'
import { benchGrowth } from './bench.ts'

test.skipIf(process.platform !== 'linux')(
  'readings are measured before and after others are stored, in the same store',
  async () => {
    const { figures, reference } = await benchGrowth({ readings: 1200, stored: 20_000 }, () => {})
    expect(reference).toMatchObject({ readings: 1200, storedReadings: 0 })
    expect(figures).toMatchObject({ readings: 1200 })
    // The warm-up and the measured batch of the first run are there too.
    expect(figures['storedReadings']).toBe(20_004 + 33 * 1200)
    expect(figures['wallMs']).toBeGreaterThan(0)
  },
  90_000,
)
