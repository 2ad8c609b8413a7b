import { setTimeout as sleep } from 'node:timers/promises'
import { FaultError } from '@vouch/proto/kernel/fault.ts'
import type { SignedBatch } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestConnection } from './testing/test-agent.ts'
import type { TestAgent } from './testing/test-agent.ts'
import { startTestCollector } from './testing/test-collector.ts'
import type { TestCollector } from './testing/test-collector.ts'

let [a, b]: TestCollector[] = []
beforeAll(async () => {
  a = await startTestCollector()
  b = await a.another()
})
afterAll(async () => {
  await b!.dispose()
  await a!.dispose()
})

const START_MS = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 48 * 3_600_000
const BATCHES = 10

function chainOf(agent: TestAgent): SignedBatch[] {
  return Array.from({ length: BATCHES }, (_, index) =>
    agent.seal([
      {
        timeMs: START_MS + index * 3_000_000,
        register: BigInt(index * 7),
        spanMs: index === 0 ? 0 : 3_000_000,
      },
    ]),
  )
}

async function lattice(agent: TestAgent): Promise<unknown> {
  const of = (column: string, id: Uint8Array): string => `${column} = unhex('${id.toHex()}')`
  const { database } = a!
  return {
    hours: await a!.query(`SELECT hour, first_time, last_time, first_register, last_register, minutes
      FROM ${database}.usage_hours_v1 WHERE ${of('stream', agent.stream.streamId)} ORDER BY hour`),
    readings: await a!.query(
      `SELECT time, register, sequence FROM ${database}.readings_v1 WHERE ${of('stream', agent.stream.streamId)} ORDER BY time`,
    ),
    batches: await a!.query(
      `SELECT sequence FROM ${database}.batches_v1 WHERE ${of('agent', agent.agentId)} ORDER BY sequence`,
    ),
    quarantine: await a!.query(
      `SELECT code, message FROM ${database}.quarantine WHERE ${of('agent', agent.agentId)}`,
    ),
  }
}

describe('an agent that moves between collectors', () => {
  it('is not asked for batches that it delivered elsewhere, though its old connection is still open', async () => {
    const agent = await a!.enrol()
    const chain = chainOf(agent)
    const old = await a!.connect(agent)
    old.batch(chain[0]!)
    await old.receipt(1n)
    const elsewhere = await b!.connect(agent)
    for (const signed of chain.slice(1, 4)) elsewhere.batch(signed)
    await elsewhere.receipt(4n)
    elsewhere.close()
    const back = new TestConnection(a!.address, agent)
    expect(await back.hello()).toBe(4n)
    back.declare(agent.stream)
    back.batch(chain[4]!)
    expect((await back.receipt(5n)).flatMap(({ quarantined }) => quarantined)).toEqual([])
    // And over the old connection itself, without a new welcome.
    const again = await b!.connect(agent)
    again.batch(chain[5]!)
    await again.receipt(6n)
    again.close()
    old.batch(chain[6]!)
    await old.receipt(7n)
    old.close()
    back.close()
  })

  it('and starts a new run meanwhile, is judged by the whole chain', async () => {
    const agent = await a!.enrol()
    const old = await a!.connect(agent)
    old.batch(agent.seal([{ timeMs: START_MS, register: 1n }]))
    await old.receipt(1n)
    const elsewhere = await b!.connect(agent)
    elsewhere.batch(agent.seal([{ timeMs: START_MS + 1_000, register: 2n }]))
    await elsewhere.receipt(2n)
    agent.restart()
    const next = await b!.connect(agent)
    next.batch(agent.seal([{ timeMs: START_MS + 2_000, register: 3n }]))
    await next.receipt(1n)
    old.batch(agent.seal([{ timeMs: START_MS + 3_000, register: 4n }]))
    expect((await old.receipt(2n)).flatMap(({ quarantined }) => quarantined)).toEqual([])
    for (const connection of [old, elsewhere, next]) connection.close()
  })

  it('at random, in the middle of anything, with repetitions on both: the lattice is the same', async () => {
    const visit = fc.record({
      at: fc.boolean(),
      from: fc.nat(2),
      batches: fc.integer({ min: 1, max: 5 }),
      waits: fc.boolean(),
    })
    let expected: unknown
    await fc.assert(
      fc.asyncProperty(fc.array(visit, { maxLength: 6 }), async (visits) => {
        const agent = await a!.enrol()
        const chain = chainOf(agent)
        let acknowledged = 0
        const open: TestConnection[] = []
        for (const { at, from, batches, waits } of visits) {
          const connection = await (at ? a! : b!).connect(agent)
          open.push(connection)
          const first = Math.max(0, acknowledged - from)
          const sent = chain.slice(first, acknowledged + batches)
          for (const signed of sent) connection.batch(signed)
          if (!waits || sent.length === 0) continue
          const upTo = Math.min(BATCHES, acknowledged + batches)
          const receipts = await connection.receipt(BigInt(upTo)).catch(replaced)
          if (receipts !== undefined) acknowledged = Math.max(acknowledged, Number(receipts.at(-1)!.sequence))
        }
        const last = await a!.connect(agent)
        for (const signed of chain.slice(acknowledged)) last.batch(signed)
        if (acknowledged < BATCHES) await last.receipt(BigInt(BATCHES))
        // What was sent and not waited for may still be on its way.
        await sleep(100)
        for (const connection of [...open, last]) connection.close()
        const got = await lattice(agent)
        expected ??= got
        expect(got).toEqual(expected)
      }),
      { numRuns: 12, examples: [[[]]] },
    )
  }, 60_000)
})

/** A third connection of an agent replaces its oldest. */
function replaced(error: unknown): undefined {
  if (error instanceof FaultError && error.fault.code === 'QUOTA_EXCEEDED') return undefined
  throw error
}
