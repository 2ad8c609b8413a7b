import { randomBytes } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { LossReason, LossSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { FaultError } from '@vouch/proto/kernel/fault.ts'
import type { FaultCode } from '@vouch/proto/kernel/fault.ts'
import { generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectFault } from '../testing/expect-fault.ts'
import { TestConnection } from '../testing/test-agent.ts'
import type { TestAgent } from '../testing/test-agent.ts'
import { startTestCollector } from '../testing/test-collector.ts'
import type { TestCollector } from '../testing/test-collector.ts'

let vouch: TestCollector
const BATCH_BYTES_MAX = 65_536
beforeAll(async () => {
  vouch = await startTestCollector({
    VOUCH_COLLECTOR_BATCH_BYTES_MAX: String(BATCH_BYTES_MAX),
    VOUCH_COLLECTOR_BATCH_ROWS_MAX: '1000',
  })
})
afterAll(() => vouch.dispose())

const newSigner = () => signerOf(generateKeys().privateKey)
const reading = (index = 0, register = BigInt(index)) => ({ timeMs: Date.now() - 60_000 + index, register })

async function quarantined(agent: TestAgent): Promise<{ code: string; sequence: string }[]> {
  return vouch.query(
    `SELECT code, sequence FROM ${vouch.database}.quarantine FINAL WHERE agent = unhex('${agent.agentId.toHex()}') ORDER BY sequence, code`,
  )
}

async function readings(agent: TestAgent): Promise<number> {
  const rows = await vouch.query(
    `SELECT 1 FROM ${vouch.database}.readings_v1 WHERE stream = unhex('${agent.stream.streamId.toHex()}')`,
  )
  return rows.length
}

describe('what is not authentic is refused and leaves no trace', () => {
  it.each<[FaultCode, (agent: TestAgent) => ReturnType<TestAgent['seal']>]>([
    ['KEY_UNKNOWN', (agent) => agent.seal([reading()], { signer: newSigner() })],
    ['SIGNATURE_INVALID', (agent) => ({ ...agent.seal([reading()]), signature: randomBytes(64) })],
    ['SIGNATURE_INVALID', (agent) => ({ ...agent.seal([reading()]), header: randomBytes(90) })],
    ['BATCH_DIGEST_MISMATCH', (agent) => ({ ...agent.seal([reading()]), body: randomBytes(40) })],
    ['BATCH_TOO_LARGE', (agent) => agent.seal([], { body: randomBytes(BATCH_BYTES_MAX + 1) })],
  ])('%s', async (code, make) => {
    const agent = await vouch.enrol()
    const connection = await vouch.connect(agent)
    connection.batch(make(agent))
    await expectFault(connection.receipt(1n), code)
    expect(await quarantined(agent)).toEqual([])
    expect(await readings(agent)).toBe(0)
  })

  it('far too large: the transport itself refuses it', async () => {
    const agent = await vouch.enrol()
    const connection = await vouch.connect(agent)
    connection.batch(agent.seal([], { body: randomBytes(4 * BATCH_BYTES_MAX) }))
    await expect(connection.receipt(1n)).rejects.toThrow(/larger/)
  })
})

describe('what is authentic and wrong is quarantined, with a receipt', () => {
  const hour = 3_600_000
  it.each<[FaultCode, (agent: TestAgent) => ReturnType<TestAgent['seal']>]>([
    ['BATCH_MALFORMED', (agent) => agent.seal([], { body: randomBytes(50).fill(255, 0, 1) })],
    ['BATCH_TOO_LARGE', (agent) => agent.seal(Array.from({ length: 1_001 }, (_, index) => reading(index)))],
    ['READING_IN_FUTURE', (agent) => agent.seal([{ timeMs: Date.now() + hour, register: 1n }])],
    ['READING_TOO_OLD', (agent) => agent.seal([{ timeMs: Date.now() - 401 * 24 * hour, register: 1n }])],
    ['READING_MALFORMED', (agent) => agent.seal([{ ...reading(), spanMs: hour + 1 }])],
    [
      'STREAM_UNDECLARED',
      (agent) => agent.seal([{ ...reading(), stream: agent.define('host:x', 'host.uptime', 's') }]),
    ],
    ['CLOCK_OFFSET', (agent) => agent.seal([reading()], { wallMs: Date.now() + 5 * hour })],
  ])('%s', async (code, make) => {
    const agent = await vouch.enrol()
    const connection = await vouch.connect(agent)
    const wrong = make(agent)
    connection.batch(wrong)
    const [receipt] = await connection.receipt(1n)
    expect(receipt!.quarantined).toMatchObject([{ sequence: 1n, code }])
    expect(await readings(agent)).toBe(0)
    connection.batch(agent.seal([reading(5, 500n)]))
    await connection.receipt(2n)
    expect(await quarantined(agent)).toEqual([{ code, sequence: '1' }])
    expect(await readings(agent)).toBe(1)
    const [kept] = await vouch.query<{ body: string }>(
      `SELECT lower(hex(body)) AS body FROM ${vouch.database}.quarantine WHERE agent = unhex('${agent.agentId.toHex()}')`,
    )
    expect(kept!.body).toBe(wrong.body.toHex())
  })

  it.each(['what was seen before', 'what only the archive remembers'])(
    'READING_DECREASING against %s',
    async (memory) => {
      const agent = await vouch.enrol()
      const first = await vouch.connect(agent)
      first.batch(agent.seal([reading(0, 10n), reading(10, 20n)]))
      await first.receipt(1n)
      first.close()
      if (memory.includes('archive')) vouch = await vouch.restart()
      const second = await vouch.connect(agent)
      second.batch(agent.seal([reading(20, 19n)]))
      expect((await second.receipt(2n))[0]!.quarantined).toMatchObject([{ code: 'READING_DECREASING' }])
      second.batch(agent.seal([{ ...reading(20, 3n), epoch: 2n }]))
      expect((await second.receipt(3n))[0]!.quarantined).toEqual([])
      expect(await readings(agent)).toBe(3)
      second.close()
    },
  )

  it('CHAIN_BROKEN is excused where the agent admits that its spool was lost', async () => {
    const agent = await vouch.enrol()
    const connection = await vouch.connect(agent)
    connection.batch(agent.seal([reading(0)]))
    await connection.receipt(1n)
    agent.restart()
    const loss = create(LossSchema, {
      fromMs: 1n,
      toMs: BigInt(Date.now()),
      reason: LossReason.SPOOL_CORRUPT,
    })
    connection.batch(agent.seal([reading(1)], { previous: new Uint8Array(), losses: [loss] }))
    expect((await connection.receipt(1n))[0]!.quarantined).toEqual([])
    agent.restart()
    connection.batch(agent.seal([reading(2)], { previous: new Uint8Array() }))
    expect((await connection.receipt(1n))[0]!.quarantined).toMatchObject([{ code: 'CHAIN_BROKEN' }])
  })
})

describe('sequences', () => {
  it.each<[FaultCode, string, (agent: TestAgent) => ReturnType<TestAgent['seal']>]>([
    [
      'SEQUENCE_GAP',
      'one batch is left out',
      (agent) => [agent.seal([reading(0)]), agent.seal([reading(1)])][1]!,
    ],
    [
      'CHAIN_BROKEN',
      'a whole run is left out',
      (agent) => agent.seal([reading(1)], { previous: randomBytes(32) }),
    ],
  ])('%s where %s: refused, and set aside after ten minutes on three connections', async (code, _, make) => {
    const agent = await vouch.enrol()
    const orphan = make(agent)
    const { sequence } = agent
    for (let attempt = 0; attempt < 4; attempt++) {
      const connection = await vouch.connect(agent)
      connection.batch(orphan)
      await expectFault(connection.receipt(sequence), 'SEQUENCE_GAP')
    }
    vouch.hooks.skewMs = 600_000
    const connection = await vouch.connect(agent)
    connection.batch(orphan)
    expect((await connection.receipt(sequence))[0]!.quarantined).toMatchObject([{ code }])
    connection.batch(agent.seal([reading(2)]))
    expect((await connection.receipt(sequence + 1n))[0]!.quarantined).toEqual([])
    delete vouch.hooks.skewMs
  })

  it('CHAIN_BROKEN where a batch of a run names another one before it', async () => {
    const agent = await vouch.enrol()
    const connection = await vouch.connect(agent)
    connection.batch(agent.seal([reading(0)]))
    await connection.receipt(1n)
    connection.batch(agent.seal([reading(1)], { previous: randomBytes(32) }))
    expect((await connection.receipt(2n))[0]!.quarantined).toMatchObject([{ code: 'CHAIN_BROKEN' }])
  })

  it('SEQUENCE_FORK where an older state was put back: it gets the receipt of the batch that it still has', async () => {
    const agent = await vouch.enrol()
    const before = await vouch.connect(agent)
    const kept = agent.seal([reading(0)])
    const restored = agent.previous
    before.batch(kept)
    for (let index = 1; index < 4; index++) before.batch(agent.seal([reading(index)]))
    await before.receipt(4n)
    before.close()
    const after = await vouch.connect(agent)
    after.batch(kept)
    const [again] = await after.receipt(1n)
    expect(again!.sequence).toBe(1n)
    agent.restart()
    after.batch(agent.seal([reading(9)], { previous: restored }))
    await expectFault(after.receipt(1n), 'SEQUENCE_FORK')
  })

  it('a new run that comes before the end of the old one waits for it', async () => {
    const agent = await vouch.enrol()
    const first = await vouch.connect(agent)
    const old = agent.seal([reading(0)])
    const { runId } = agent
    agent.restart()
    const early = agent.seal([reading(1)])
    const second = await vouch.connect(agent)
    second.batch(early)
    await expectFault(second.receipt(1n), 'SEQUENCE_GAP')
    first.batch(old)
    expect((await first.receipt(1n))[0]!.runId.toHex()).toBe(runId.toHex())
    first.batch(early)
    expect((await first.receipt(1n))[0]!.quarantined).toEqual([])
    expect(await readings(agent)).toBe(2)
  })

  it.each<[string, (agent: TestAgent) => ReturnType<TestAgent['seal']>]>([
    [
      'another batch under a sequence',
      (agent) => agent.seal([reading(9)], { sequence: 1n, previous: new Uint8Array() }),
    ],
    [
      'a clone: a new run from the same point of the chain',
      (agent) => agent.seal([reading(9)], { sequence: 1n, runId: randomBytes(16), previous: firstDigest }),
    ],
  ])('SEQUENCE_FORK: %s', async (_, fork) => {
    const agent = await vouch.enrol()
    const connection = await vouch.connect(agent)
    const other = await vouch.connect(agent)
    connection.batch(agent.seal([reading(0)]))
    firstDigest = agent.previous
    connection.batch(agent.seal([reading(1)]))
    await connection.receipt(2n)
    connection.batch(fork(agent))
    await expectFault(connection.receipt(3n), 'SEQUENCE_FORK')
    await expectFault(other.receipt(1n), 'AGENT_QUARANTINED')
    await expect
      .poll(() =>
        new TestConnection(vouch.address, agent)
          .hello()
          .catch((error: unknown) => (error instanceof FaultError ? error.fault.code : error)),
      )
      .toBe('AGENT_QUARANTINED')
    expect(await quarantined(agent)).toEqual([{ code: 'SEQUENCE_FORK', sequence: '1' }])
    expect(await readings(agent)).toBe(2)
  })
})
let firstDigest: Uint8Array
