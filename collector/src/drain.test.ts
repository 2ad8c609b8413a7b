import { setTimeout as sleep } from 'node:timers/promises'
import { FaultError } from '@vouch/proto/kernel/fault.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TestConnection } from './testing/test-agent.ts'
import type { TestAgent } from './testing/test-agent.ts'
import { startTestCollector } from './testing/test-collector.ts'
import type { TestCollector } from './testing/test-collector.ts'

const START_MS = Date.now() - 3_600_000
const reading = (index: number) => ({ timeMs: START_MS + index * 1_000, register: BigInt(index) })

let vouch: TestCollector
let other: TestCollector | undefined
afterEach(async () => {
  await other?.dispose()
  other = undefined
  await vouch.dispose()
})

/** Sends batch after batch until the connection ends; returns the last sequence with a receipt, and why it ended. */
async function flood(
  connection: TestConnection,
  agent: TestAgent,
): Promise<{ acknowledged: bigint; code: string }> {
  let [acknowledged, code] = [0n, '']
  const over = new AbortController()
  const receiving = (async () => {
    try {
      for (;;) acknowledged = (await connection.receipt(acknowledged + 1n)).at(-1)!.sequence
    } catch (error) {
      code = error instanceof FaultError ? error.fault.code : String(error)
    }
    over.abort()
  })()
  for (let index = 0; !over.signal.aborted && index < 3_000; index++) {
    connection.batch(agent.seal([reading(index)]))
    await sleep(1)
  }
  await receiving
  connection.close()
  return { acknowledged, code }
}

async function durable(agent: TestAgent, from: TestCollector): Promise<bigint> {
  const [row] = await from.query<{ last: string }>(
    `SELECT max(sequence) AS last FROM ${from.database}.batches_v1 WHERE agent = unhex('${agent.agentId.toHex()}')`,
  )
  return BigInt(row!.last)
}

describe('a stop under load', () => {
  beforeEach(async () => {
    vouch = await startTestCollector({ VOUCH_COLLECTOR_DRAIN_WAIT_MS: '1500' })
  })

  it('gives a receipt for everything that it stored, and stores everything with a receipt', async () => {
    other = await vouch.another()
    const lateAgent = await vouch.enrol('host:late')
    const agents = await Promise.all([1, 2, 3].map((index) => vouch.enrol(`host:${index}`)))
    const connections = await Promise.all(agents.map((agent) => vouch.connect(agent)))
    const floods = connections.map((connection, index) => flood(connection, agents[index]!))
    await sleep(200)
    const stopped = vouch.collector.stop()
    // Load balancers are told at once, while everything still works.
    const ready = await fetch(`${vouch.httpAddress}/readyz`)
    expect([ready.status, await ready.text()]).toEqual([503, expect.stringMatching(/^UNAVAILABLE: /)])
    const late = await vouch.connect(lateAgent)
    late.close()
    const ends = await Promise.all(floods)
    await stopped
    for (const [index, { acknowledged, code }] of ends.entries()) {
      expect(code).toBe('UNAVAILABLE')
      expect(acknowledged).toBeGreaterThan(0n)
      expect(await durable(agents[index]!, other)).toBe(acknowledged)
    }
    expect(vouch.complaints).toEqual([])
  })
})

describe('a drain', () => {
  it('that cannot end is cut short, and what it had taken has no receipt', async () => {
    vouch = await startTestCollector({ VOUCH_COLLECTOR_DRAIN_MAX_MS: '300' })
    const agent = await vouch.enrol()
    const connection = await vouch.connect(agent)
    const { promise: hung, resolve: release } = Promise.withResolvers<undefined>()
    const { promise: begun, resolve } = Promise.withResolvers<void>()
    vouch.hooks.beforeCommit = () => {
      resolve()
      return hung
    }
    connection.batch(agent.seal([reading(1)]))
    await begun
    const told = connection.receipt(1n).then(
      () => 'a receipt',
      () => 'none',
    )
    const startedMs = performance.now()
    await vouch.collector.stop()
    release(undefined)
    expect(performance.now() - startedMs).toBeLessThan(8_000)
    expect(await told).toBe('none')
    expect(vouch.complaints).toContainEqual(expect.stringMatching(/drain cut short/))
  })
})

describe('the age of a connection', () => {
  it('ends it in order, under load, with a receipt for everything taken', async () => {
    vouch = await startTestCollector({ VOUCH_COLLECTOR_CONNECTION_AGE_MAX_MS: '400' })
    const agent = await vouch.enrol()
    const { acknowledged, code } = await flood(await vouch.connect(agent), agent)
    expect(code).toMatch(/not a receipt but undefined/)
    expect(acknowledged).toBeGreaterThan(0n)
    expect(await durable(agent, vouch)).toBe(acknowledged)
    expect(await new TestConnection(vouch.address, agent).hello()).toBe(acknowledged)
    expect(vouch.complaints).toEqual([])
  })
})
