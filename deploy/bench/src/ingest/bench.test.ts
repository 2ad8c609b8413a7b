import { expect, test } from 'vitest'
import { benchIngest } from './bench.ts'

test.skipIf(process.platform !== 'linux')(
  'a small load goes through the real collector and the raw engine, and is stored as it was sent',
  async () => {
    const options = { readings: 2000, rounds: 1, halfLoadMs: 200 }
    const { name, figures, reference } = await benchIngest(options, () => {})
    expect(name).toBe('ingest')
    expect(figures).toMatchObject({ readings: 2400, agents: 1, batchReadings: 1200 })
    expect(figures['readingsPerSecond']).toBeGreaterThan(0)
    expect(figures['peakBytes']).toBeGreaterThan(reference['peakBytes']! / 4)
    expect(figures['halfLoadReceiptMaxMs']).toBeGreaterThan(0)
    expect(figures['halfLoadBatches']).toBeGreaterThan(0)
    expect(reference['wallMs']).toBeGreaterThan(0)
  },
  60_000,
)
