import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectFault } from './testing/expect-fault.ts'
import { startTestCollector } from './testing/test-collector.ts'
import type { TestCollector } from './testing/test-collector.ts'

let vouch: TestCollector
beforeAll(async () => {
  vouch = await startTestCollector()
})
afterAll(() => vouch.dispose())

describe('the straight path', () => {
  it('enrols, takes a batch, and stores readings, batch, stream, key and hours', async () => {
    const agent = await vouch.enrol()
    const connection = await vouch.connect(agent)
    const startMs = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 7_200_000
    const samples = [0, 1, 2, 3].map((index) => ({
      timeMs: startMs + index * 1_800_000,
      register: BigInt(index * 1_000),
      spanMs: index === 0 ? 0 : 1_800_000,
    }))
    connection.batch(agent.seal(samples))
    const [receipt] = await connection.receipt(1n)
    expect(receipt!.quarantined).toEqual([])
    const hours = await vouch.query(
      `SELECT toString(first_register) AS first, toString(last_register) AS last, bitCount(minutes) AS minutes
       FROM ${vouch.database}.usage_hours_v1 WHERE stream = unhex('${agent.stream.streamId.toHex()}') ORDER BY hour`,
    )
    expect(hours).toEqual([
      { first: '0', last: '1000', minutes: 60 },
      { first: '2000', last: '3000', minutes: 31 },
    ])
    const counts = await vouch.query(
      `SELECT (SELECT count() FROM ${vouch.database}.readings_v1) AS readings,
        (SELECT count() FROM ${vouch.database}.batches_v1) AS batches,
        (SELECT count() FROM ${vouch.database}.streams_v1 WHERE attributes['a'] = 'ä') AS streams,
        (SELECT count() FROM ${vouch.database}.agent_keys_v1) AS keys`,
    )
    expect(counts).toEqual([{ readings: '4', batches: '1', streams: '1', keys: '1' }])
    connection.close()
  })
})

describe('a stop', () => {
  it('tells connected agents, without complaining', async () => {
    const connection = await vouch.connect(await vouch.enrol('host:another'))
    const told = expectFault(connection.receipt(1n), 'UNAVAILABLE')
    await vouch.collector.stop()
    await told
    expect(vouch.complaints).toEqual([])
  })
})
