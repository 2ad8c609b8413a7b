import { expect, test } from 'vitest'
import { benchSnmp } from './bench.ts'

test.skipIf(process.platform !== 'linux')(
  'a few devices are polled, and every poll arrives',
  async () => {
    const plan = { devices: 5, interfaces: 4, cadenceMs: 3000, cadences: 1 }
    const { result, failure } = await benchSnmp(plan, () => {})
    expect(failure).toBeUndefined()
    expect(result.figures).toMatchObject({ devices: 5, interfaces: 4, missed: 0 })
    expect(result.figures['polls']).toBeGreaterThanOrEqual(15)
    expect(result.figures['questionsPerPoll']).toBeGreaterThanOrEqual(1)
    expect(result.ratio).toBeGreaterThan(0)
  },
  90_000,
)
