import { expect, test } from 'vitest'
import { benchIngest } from './bench.ts'

test.skipIf(process.platform !== 'linux')(
  'a small load goes through the real collector and the raw engine',
  async () => {
    const { name, figures, reference } = await benchIngest({ readings: 2000, progress: () => {} })
    expect(name).toBe('ingest')
    expect(figures.readings).toBe(2400)
    expect(figures.readingsPerSecond).toBeGreaterThan(0)
    expect(figures.peakBytes).toBeGreaterThan(reference.peakBytes / 4)
    expect(reference.wallMs).toBeGreaterThan(0)
  },
)
