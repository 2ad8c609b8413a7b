import { setTimeout as sleep } from 'node:timers/promises'
import { fromBinary, toJson } from '@bufbuild/protobuf'
import { ReceiptSchema, SignedReceiptSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { Receipt } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { FaultError, fail } from '@vouch/proto/kernel/fault.ts'
import type { SignedBatch } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { TAGS, verify } from '@vouch/proto/seal/seal.ts'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestConnection } from './testing/test-agent.ts'
import type { TestAgent } from './testing/test-agent.ts'
import { startTestCollector } from './testing/test-collector.ts'
import type { TestCollector } from './testing/test-collector.ts'

let vouch: TestCollector
beforeAll(async () => {
  vouch = await startTestCollector()
})
afterAll(() => vouch.dispose())

const START_MS = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 48 * 3_600_000
const BATCHES = 12

/** A chain over two epochs and many hours. */
function chainOf(agent: TestAgent): SignedBatch[] {
  return Array.from({ length: BATCHES }, (_, batch) =>
    agent.seal(
      Array.from({ length: 5 }, (__, row) => {
        const index = batch * 5 + row
        const epoch = index < 30 ? 1n : 2n
        return {
          epoch,
          timeMs: START_MS + index * 1_700_000,
          register: BigInt(index * 37),
          spanMs: index % 30 === 0 ? 0 : 1_700_000,
        }
      }),
    ),
  )
}

async function lattice(agent: TestAgent): Promise<unknown> {
  const stream = `unhex('${agent.stream.streamId.toHex()}')`
  const hours = await vouch.query(
    `SELECT epoch, hour, first_time, last_time, first_register, last_register, minutes FROM ${vouch.database}.usage_hours_v1
     WHERE stream = ${stream} ORDER BY epoch, hour`,
  )
  const readings = await vouch.query(
    `SELECT epoch, time, register, span_ms, sequence, row FROM ${vouch.database}.readings_v1 WHERE stream = ${stream} ORDER BY time`,
  )
  const batches = await vouch.query(
    `SELECT sequence, rows FROM ${vouch.database}.batches_v1 WHERE agent = unhex('${agent.agentId.toHex()}') ORDER BY sequence`,
  )
  return { hours, readings, batches }
}

/** Sends batches in the order given, and begins again where the collector says so, until all are durable. */
async function deliver(
  agent: TestAgent,
  order: readonly SignedBatch[],
  last: bigint,
  chain: readonly SignedBatch[],
): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const connection = new TestConnection(vouch.address, agent)
    try {
      const durable = await connection.hello()
      if (durable >= last) return
      connection.declare(agent.stream)
      for (const signed of attempt === 0 ? order : chain) connection.batch(signed)
      await connection.receipt(last)
      return
    } catch (error) {
      if (!(error instanceof FaultError)) throw error
      await sleep(5)
    } finally {
      connection.close()
    }
  }
  throw new Error('not delivered')
}

describe('never twice, never lost', () => {
  it('any repetition, order and interleaving over two connections gives the same lattice', async () => {
    const picks = fc.array(fc.nat(BATCHES - 1), { maxLength: 30 })
    let expected: unknown
    await fc.assert(
      fc.asyncProperty(picks, picks, async (left, right) => {
        const agent = await vouch.enrol()
        const chain = chainOf(agent)
        const last = BigInt(BATCHES)
        const shuffled = (picked: number[]): SignedBatch[] => [
          ...picked.map((index) => chain[index]!),
          ...chain,
        ]
        await Promise.all([
          deliver(agent, shuffled(left), last, chain),
          deliver(agent, shuffled(right), last, chain),
        ])
        const late = await vouch.connect(agent)
        for (const signed of chain.toReversed()) late.batch(signed)
        // A batch that is there already is acknowledged for itself: who sends it may not have what follows.
        for (let sequence = last; sequence > 0n; sequence--) {
          const [receipt] = await late.receipt(1n)
          expect(receipt?.sequence).toBe(sequence)
        }
        late.close()
        const got = await lattice(agent)
        expected ??= got
        expect(got).toEqual(expected)
      }),
      { numRuns: 6, examples: [[[], []]] },
    )
  }, 120_000)

  it('the last durable batch is remembered across a restart, and so is the chain', async () => {
    const agent = await vouch.enrol()
    const chain = chainOf(agent)
    const connection = await vouch.connect(agent)
    for (const signed of chain.slice(0, 4)) connection.batch(signed)
    await connection.receipt(4n)
    connection.close()
    vouch = await vouch.restart()
    const again = new TestConnection(vouch.address, agent)
    expect(await again.hello()).toBe(4n)
    again.declare(agent.stream)
    for (const signed of chain.slice(2)) again.batch(signed)
    const receipts = await again.receipt(BigInt(BATCHES))
    expect(receipts.flatMap(({ quarantined }) => quarantined)).toEqual([])
    agent.restart()
    const next = await vouch.connect(agent)
    next.batch(agent.seal([{ epoch: 3n, timeMs: Date.now() - 1_000, register: 1n }]))
    expect((await next.receipt(1n))[0]!.quarantined).toEqual([])
  })
})

describe('a receipt means durable', () => {
  it('while the store refuses, nothing is acknowledged; afterwards the same batches are taken', async () => {
    const agent = await vouch.enrol()
    const chain = chainOf(agent)
    const connection = await vouch.connect(agent)
    connection.batch(chain[0]!)
    await connection.receipt(1n)
    let attempts = 0
    vouch.hooks.beforeCommit = async () => {
      attempts++
      return fail('DISK_FULL', 'ClickHouse: no space left').fault
    }
    connection.batch(chain[1]!)
    connection.batch(chain[2]!)
    const error = await connection.receipt(2n).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ fault: { code: 'DISK_FULL' } })
    expect(attempts).toBeGreaterThan(1)
    delete vouch.hooks.beforeCommit
    const again = new TestConnection(vouch.address, agent)
    expect(await again.hello()).toBe(1n)
    again.declare(agent.stream)
    for (const signed of chain.slice(1)) again.batch(signed)
    expect((await again.receipt(BigInt(BATCHES))).flatMap(({ quarantined }) => quarantined)).toEqual([])
  })

  it('the receipts that were sent are stored, each with the last batch that it covers', async () => {
    const agent = await vouch.enrol()
    const connection = await vouch.connect(agent)
    for (const signed of chainOf(agent)) connection.batch(signed)
    const sent = await connection.receipt(BigInt(BATCHES))
    const stored = await vouch.query<{ sequence: string; receipt: string }>(
      `SELECT sequence, base64Encode(receipt) AS receipt FROM ${vouch.database}.batches_v1
       WHERE agent = unhex('${agent.agentId.toHex()}') AND receipt != '' ORDER BY batches_v1.sequence`,
    )
    const receipts = stored.map(({ sequence, receipt }) => {
      const { receipt: bytes, signature } = fromBinary(SignedReceiptSchema, Uint8Array.fromBase64(receipt))
      expect(verify(TAGS.receipt, bytes, signature, agent.collectorKey)).toBe(true)
      const opened = fromBinary(ReceiptSchema, bytes)
      expect(`${opened.sequence}`).toBe(sequence)
      return opened
    })
    const text = (all: readonly Receipt[]) => all.map((receipt) => toJson(ReceiptSchema, receipt))
    expect(text(receipts)).toEqual(text(sent))
    expect(receipts.at(-1)?.sequence).toBe(BigInt(BATCHES))
  })

  it('a stop stores what was taken in and sends its receipts first', async () => {
    const agent = await vouch.enrol()
    const connection = await vouch.connect(agent)
    const { promise: begun, resolve } = Promise.withResolvers<void>()
    vouch.hooks.beforeCommit = async () => {
      resolve()
      await sleep(300)
      return undefined
    }
    connection.batch(agent.seal([{ timeMs: Date.now() - 1_000, register: 1n }]))
    await begun
    const [receipts, next] = await Promise.all([connection.receipt(1n), vouch.restart()])
    connection.close()
    vouch = next
    expect(receipts).toHaveLength(1)
    expect(await new TestConnection(vouch.address, agent).hello()).toBe(1n)
  })
})

describe('bounds', () => {
  it('a third connection of an agent replaces the oldest', async () => {
    const agent = await vouch.enrol()
    const [first, second] = [await vouch.connect(agent), await vouch.connect(agent)]
    const third = await vouch.connect(agent)
    await expect(first.receipt(1n)).rejects.toThrow('QUOTA_EXCEEDED')
    third.batch(agent.seal([{ timeMs: Date.now() - 1_000, register: 1n }]))
    await third.receipt(1n)
    second.close()
  })

  it('a sender far beyond its window is slowed down, not refused', async () => {
    const agent = await vouch.enrol()
    const connection = await vouch.connect(agent)
    for (let index = 0; index < 300; index++) {
      connection.batch(agent.seal([{ timeMs: START_MS + index * 1_000, register: BigInt(index) }]))
    }
    const receipts = await connection.receipt(300n)
    expect(receipts.length).toBeGreaterThan(1)
    expect(receipts.length).toBeLessThan(150)
  })
})
