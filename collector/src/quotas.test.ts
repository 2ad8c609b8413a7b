import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestAgent, TestConnection } from './testing/test-agent.ts'
import { startTestCollector } from './testing/test-collector.ts'
import type { TestCollector } from './testing/test-collector.ts'

const PER_SECOND = 2_000
let vouch: TestCollector
beforeAll(async () => {
  vouch = await startTestCollector({
    VOUCH_COLLECTOR_READINGS_PER_AGENT_PER_S_MAX: String(PER_SECOND),
    VOUCH_COLLECTOR_PENDING_BYTES_MAX: '262144',
    VOUCH_COLLECTOR_STREAMS_PER_AGENT_MAX: '100',
  })
})
afterAll(() => vouch.dispose())

const START_MS = Date.now() - 3_600_000
let index = 0
function fat(agent: TestAgent, rows: number) {
  return agent.seal(
    Array.from({ length: rows }, () => ({ timeMs: START_MS + ++index, register: BigInt(index) })),
  )
}

/** Milliseconds until a small batch has its receipt, each of several times. */
async function latencies(agent: TestAgent, connection: TestConnection, count: number): Promise<number[]> {
  const took: number[] = []
  for (let time = 0; time < count; time++) {
    const startedMs = performance.now()
    connection.batch(fat(agent, 1))
    await connection.receipt(agent.sequence)
    took.push(performance.now() - startedMs)
  }
  return took.toSorted((a, b) => a - b)
}

describe('one agent that sends all it can', () => {
  it('is slowed to its quota, loses nothing, and does not slow another', async () => {
    const [flood, calm] = [await vouch.enrol(), await vouch.enrol()]
    const [first, second] = [await vouch.connect(flood), await vouch.connect(calm)]
    const alone = await latencies(calm, second, 5)
    const startedMs = performance.now()
    const readings = 5 * PER_SECOND
    for (let sent = 0; sent < readings; sent += 500) first.batch(fat(flood, 500))
    const all = first.receipt(flood.sequence).then(() => performance.now() - startedMs)
    const beside = await latencies(calm, second, 10)
    // Two seconds' readings at once, then the rate; the last batch may go into debt.
    expect(await all).toBeGreaterThan(((readings - 2 * PER_SECOND - 500) / PER_SECOND) * 1_000 - 100)
    expect(beside[5]).toBeLessThan(alone[2]! * 4 + 500)
    first.close()
    second.close()
  }, 30_000)

  it('of definitions, waits after all its streams twice, and others do not', async () => {
    const [flood, calm] = [await vouch.enrol(), await vouch.enrol()]
    const [first, second] = [await vouch.connect(flood), await vouch.connect(calm)]
    for (let time = 0; time < 205; time++) first.declare(flood.stream)
    first.batch(fat(flood, 1))
    const startedMs = performance.now()
    const slowed = first.receipt(1n).then(() => performance.now() - startedMs)
    const beside = await latencies(calm, second, 3)
    // Five definitions beyond the burst of 200, at 100 in 60 seconds.
    expect(await slowed).toBeGreaterThan(2_500)
    expect(beside[1]).toBeLessThan(2_000)
    first.close()
    second.close()
  }, 30_000)
})
