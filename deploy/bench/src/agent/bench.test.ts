import { ENGINE_ABSENT } from '@vouch/agent/docker/testing/container-engine.ts'
import { expect, test } from 'vitest'
import { benchAgent } from './bench.ts'

test.skipIf(ENGINE_ABSENT !== '')(
  `a few containers are metered round by round${ENGINE_ABSENT && ` (absent: ${ENGINE_ABSENT})`}`,
  async () => {
    // Processor time comes in hundredths of a second, and a scrape of the exporter may take less than one.
    const options = { containers: 2, rounds: 30, slowRounds: 10, shortMs: 100 }
    const { result } = await benchAgent(options, () => {}, { cadenceMs: 500, oldMs: 0 })
    expect(result.name).toBe('agent')
    expect(result.figures['rounds']).toBeGreaterThanOrEqual(30)
    expect(result.figures['batchReadings']).toBeGreaterThan(20)
    expect(result.figures['peakBytes']).toBeGreaterThanOrEqual(result.figures['residentBytes']!)
    expect(result.ratio).toBeGreaterThan(0)
  },
  90_000,
)
