import { expect, test } from 'vitest'
import type { Tally } from '../proxy/disorder.ts'
import { killAtRandom } from './kill.ts'

const KILL_FOR_MS = 22_000
const SEED = 20_260_301

test(
  'after kills at random moments, through a proxy that disturbs all it can, usage is last − first, and every uncovered millisecond is a listed gap',
  { timeout: 90_000 },
  async () => {
    const report = await killAtRandom({ killForMs: KILL_FOR_MS, seed: SEED, proxy: true })
    expect(report.problems).toEqual([])
    expect(report.agentKills).toBeGreaterThan(2)
    expect(report.collectorKills).toBeGreaterThan(1)
    expect(report.streams.filter(({ kernel }) => kernel !== undefined).length).toBeGreaterThan(3)
    const done = ({ duplicate, reorder, replay, delay, drop }: Tally): number =>
      duplicate + reorder + replay + delay + drop
    expect(done(report.proxy!.batches)).toBeGreaterThan(3)
    expect(done(report.proxy!.receipts)).toBeGreaterThan(3)
    const uptime = report.streams.find(({ key }) => key === 'host.uptime ')
    expect(uptime?.epochs).toBe(1)
    expect(uptime?.gaps).toBeGreaterThan(report.agentKills / 2)
    expect(uptime?.coveredMs).toBeGreaterThan(0)
  },
)
