import { randomBytes } from 'node:crypto'
import type { SignedBatch } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { FaultError } from '@vouch/proto/kernel/fault.ts'
import type { FaultCode } from '@vouch/proto/kernel/fault.ts'
import { rotateBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS, generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import { EnrolmentService } from '@vouch/proto/gen/vouch/enrolment/v1/enrolment_pb.ts'
import { makeClient } from '@vouch/proto/wire/grpc.ts'
import { credentials } from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TestAgent } from './testing/test-agent.ts'
import { startTestCollector } from './testing/test-collector.ts'
import type { TestCollector } from './testing/test-collector.ts'

const BATCH_BYTES_MAX = 65_536
const HOUR_MS = 3_600_000
const AGENTS_PER_KIND = 3
const BATCHES_PER_AGENT = 3
const HONEST_AGENTS = 6
const HONEST_BATCHES = 40
const HONEST_READINGS = 10

let vouch: TestCollector
beforeAll(async () => {
  vouch = await startTestCollector({
    VOUCH_COLLECTOR_BATCH_BYTES_MAX: String(BATCH_BYTES_MAX),
    VOUCH_COLLECTOR_BATCH_ROWS_MAX: '1000',
  })
})
afterAll(() => vouch.dispose())

const newSigner = () => signerOf(generateKeys().privateKey)
const reading = (index = 0) => ({ timeMs: Date.now() - 60_000 + index, register: BigInt(index) })
/** The second batch of an agent whose first never comes. */
const skipFirst = (agent: TestAgent): SignedBatch => [agent.seal([reading(0)]), agent.seal([reading(1)])][1]!

async function rotated(agent: TestAgent): Promise<SignedBatch> {
  const next = newSigner()
  const statement = rotateBytes(agent.agentId, next.publicKey)
  const client = makeClient(EnrolmentService, vouch.address, credentials.createInsecure())
  await client.rotateKey({
    $typeName: 'vouch.enrolment.v1.RotateKeyRequest',
    agentId: agent.agentId,
    newPublicKey: next.publicKey,
    signatureByCurrent: agent.signer.sign(TAGS.rotate, statement),
    signatureByNew: next.sign(TAGS.rotate, statement),
  })
  client.close()
  const old = agent.signer
  agent.signer = next
  return agent.seal([reading()], { signer: old, wallMs: Date.now() + HOUR_MS })
}

type Kind = readonly [FaultCode, (agent: TestAgent) => SignedBatch | Promise<SignedBatch>]

/** Refused, the connection ends, nothing is stored. */
const REFUSED: readonly Kind[] = [
  ['KEY_UNKNOWN', (agent) => agent.seal([reading()], { signer: newSigner() })],
  ['KEY_RETIRED', rotated],
  ['SIGNATURE_INVALID', (agent) => ({ ...agent.seal([reading()]), signature: randomBytes(64) })],
  ['BATCH_DIGEST_MISMATCH', (agent) => ({ ...agent.seal([reading()]), body: randomBytes(40) })],
  ['BATCH_TOO_LARGE', (agent) => agent.seal([], { body: randomBytes(BATCH_BYTES_MAX + 1) })],
  ['SEQUENCE_GAP', skipFirst],
]

/** A receipt that names the fault; batch and quarantine hold it byte for byte. */
const SET_ASIDE: readonly Kind[] = [
  ['BATCH_MALFORMED', (agent) => agent.seal([], { body: randomBytes(50).fill(255, 0, 1) })],
  ['BATCH_TOO_LARGE', (agent) => agent.seal(Array.from({ length: 1_001 }, (_, index) => reading(index)))],
  ['READING_IN_FUTURE', (agent) => agent.seal([{ timeMs: Date.now() + HOUR_MS, register: 1n }])],
  ['READING_TOO_OLD', (agent) => agent.seal([{ timeMs: Date.now() - 401 * 24 * HOUR_MS, register: 1n }])],
  ['READING_MALFORMED', (agent) => agent.seal([{ ...reading(), spanMs: HOUR_MS + 1 }])],
  ['CLOCK_OFFSET', (agent) => agent.seal([reading()], { wallMs: Date.now() + 5 * HOUR_MS })],
  [
    'STREAM_UNDECLARED',
    (agent) => agent.seal([{ ...reading(), stream: agent.define('host:x', 'host.uptime', 's') }]),
  ],
]

async function isRefused([code, make]: Kind): Promise<void> {
  const agent = await vouch.enrol()
  const signed = await make(agent)
  const connection = await vouch.connect(agent)
  connection.batch(signed)
  const error = await connection.receipt(1n).catch((thrown: unknown) => thrown)
  expect(error, code).toBeInstanceOf(FaultError)
  expect((error as FaultError).fault.code).toBe(code)
  const where = `WHERE agent = unhex('${agent.agentId.toHex()}')`
  for (const table of ['batches', 'quarantine'])
    expect(await vouch.query(`SELECT 1 FROM ${vouch.database}.${table} ${where}`), code).toEqual([])
}

async function isSetAside([code, make]: Kind): Promise<void> {
  const agent = await vouch.enrol()
  const connection = await vouch.connect(agent)
  const bodies: string[] = []
  for (let sequence = 1n; sequence <= BATCHES_PER_AGENT; sequence++) {
    const wrong = await make(agent)
    bodies.push(wrong.body.toHex())
    connection.batch(wrong)
    // Twice, before the answer: it is set aside once all the same.
    connection.batch(wrong)
    const receipts = await connection.receipt(sequence)
    const quarantined = receipts.flatMap((receipt) => receipt.quarantined)
    expect(
      quarantined.map((one) => [one.sequence, one.code]),
      code,
    ).toEqual([[sequence, code]])
  }
  connection.close()
  const where = `WHERE agent = unhex('${agent.agentId.toHex()}') ORDER BY sequence`
  const kept = await vouch.query(
    `SELECT code, lower(hex(body)) AS body FROM ${vouch.database}.quarantine FINAL ${where}`,
  )
  expect(kept).toEqual(bodies.map((body) => ({ code, body })))
}

async function isFalling(): Promise<void> {
  const agent = await vouch.enrol()
  const connection = await vouch.connect(agent)
  connection.batch(agent.seal([{ timeMs: Date.now() - 60_000, register: 10n }]))
  connection.batch(agent.seal([{ timeMs: Date.now() - 50_000, register: 9n }]))
  const quarantined = (await connection.receipt(2n)).flatMap((receipt) => receipt.quarantined)
  expect(quarantined).toMatchObject([{ sequence: 2n, code: 'READING_DECREASING' }])
  connection.close()
}

async function isBroken(): Promise<void> {
  const agent = await vouch.enrol()
  const connection = await vouch.connect(agent)
  connection.batch(agent.seal([reading(0)]))
  connection.batch(agent.seal([reading(1)], { previous: randomBytes(32) }))
  const quarantined = (await connection.receipt(2n)).flatMap((receipt) => receipt.quarantined)
  expect(quarantined).toMatchObject([{ sequence: 2n, code: 'CHAIN_BROKEN' }])
  connection.close()
}

async function isForked(): Promise<void> {
  const agent = await vouch.enrol()
  const connection = await vouch.connect(agent)
  connection.batch(agent.seal([reading(0)]))
  await connection.receipt(1n)
  connection.batch(agent.seal([reading(9)], { sequence: 1n, previous: new Uint8Array() }))
  await expect(connection.receipt(2n)).rejects.toThrow('SEQUENCE_FORK')
  await expect
    .poll(() => vouch.connect(agent).catch((error: unknown) => String(error)))
    .toContain('AGENT_QUARANTINED')
}

/** Delivers ten readings a batch, each batch twice, and compares what is stored row for row. */
async function isHonest(): Promise<void> {
  const agent = await vouch.enrol()
  const connection = await vouch.connect(agent)
  const startMs = Date.now() - HOUR_MS
  const expected: { time: string; register: string }[] = []
  for (let sequence = 1n; sequence <= HONEST_BATCHES; sequence++) {
    const samples = Array.from({ length: HONEST_READINGS }, (_, row) => {
      const index = (Number(sequence) - 1) * HONEST_READINGS + row
      return { timeMs: startMs + index * 10, register: BigInt(index * 7) }
    })
    for (const { timeMs, register } of samples)
      expected.push({ time: String(timeMs), register: String(register) })
    const signed = agent.seal(samples)
    connection.batch(signed)
    connection.batch(signed)
    if (sequence % 8n === 0n) {
      const receipts = await connection.receipt(sequence)
      expect(receipts.flatMap(({ quarantined }) => quarantined)).toEqual([])
    }
  }
  connection.close()
  const rows = await vouch.query(
    `SELECT toString(toUnixTimestamp64Milli(time)) AS time, toString(register) AS register FROM ${vouch.database}.readings_v1
     WHERE stream = unhex('${agent.stream.streamId.toHex()}') ORDER BY time`,
  )
  expect(rows).toEqual(expected)
}

it('every kind of bad input at once gets its answer, and honest readings are stored row for row', async () => {
  const many = <T>(count: number, work: () => Promise<T>): Promise<T>[] => Array.from({ length: count }, work)
  const work = [
    ...many(HONEST_AGENTS, isHonest),
    ...REFUSED.flatMap((kind) => many(AGENTS_PER_KIND, () => isRefused(kind))),
    ...SET_ASIDE.flatMap((kind) => many(AGENTS_PER_KIND, () => isSetAside(kind))),
    ...[isFalling, isBroken, isForked].flatMap((kind) => many(AGENTS_PER_KIND, kind)),
  ]
  const outcomes = await Promise.allSettled(work)
  expect(
    outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : [])),
  ).toEqual([])
}, 60_000)
