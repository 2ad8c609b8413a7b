import { randomBytes } from 'node:crypto'
import { connect } from 'node:http2'
import { Client, credentials } from '@grpc/grpc-js'
import { EnrolmentService } from '@vouch/proto/gen/vouch/enrolment/v1/enrolment_pb.ts'
import { RegisterKind } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { FaultError } from '@vouch/proto/kernel/fault.ts'
import type { FaultCode } from '@vouch/proto/kernel/fault.ts'
import { decommissionBytes, rotateBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS, generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { faultOfError, makeClient } from '@vouch/proto/wire/grpc.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectFault } from '../testing/expect-fault.ts'
import { TestConnection, enrolAgent } from '../testing/test-agent.ts'
import type { TestAgent } from '../testing/test-agent.ts'
import { startTestCollector } from '../testing/test-collector.ts'
import type { TestCollector } from '../testing/test-collector.ts'

let vouch: TestCollector
beforeAll(async () => {
  vouch = await startTestCollector({
    VOUCH_COLLECTOR_HELLO_TIMEOUT_MS: '300',
    VOUCH_COLLECTOR_STREAMS_PER_AGENT_MAX: '10',
  })
})
afterAll(() => vouch.dispose())

const newSigner = (): Signer => signerOf(generateKeys().privateKey)
const reading = (index = 0) => ({ timeMs: Date.now() - 60_000 + index, register: BigInt(index) })

async function readings(): Promise<number> {
  const rows = await vouch.query(`SELECT 1 FROM ${vouch.database}.readings_v1`)
  return rows.length
}

describe('enrolment', () => {
  it('TOKEN_UNKNOWN', () => expectFault(enrolAgent(vouch.address, 'vouch_wrong'), 'TOKEN_UNKNOWN'))

  it('TOKEN_SPENT, but the same key may ask again', async () => {
    const token = await vouch.collector.tokens.create({ ttlMs: 60_000 })
    const signer = newSigner()
    const first = await enrolAgent(vouch.address, token, signer)
    const again = await enrolAgent(vouch.address, token, signer)
    expect(again.agentId).toEqual(first.agentId)
    await expectFault(enrolAgent(vouch.address, token), 'TOKEN_SPENT')
  })

  it('one of many that spend a token at once', async () => {
    const token = await vouch.collector.tokens.create({ ttlMs: 60_000 })
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => enrolAgent(vouch.address, token)))
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('TOKEN_EXPIRED', async () => {
    const token = await vouch.collector.tokens.create({ ttlMs: 0 })
    await expectFault(enrolAgent(vouch.address, token), 'TOKEN_EXPIRED')
  })

  it('ALREADY_EXISTS for a key that another agent has', async () => {
    const signer = newSigner()
    await enrolAgent(vouch.address, await vouch.collector.tokens.create({ ttlMs: 60_000 }), signer)
    const token = await vouch.collector.tokens.create({ ttlMs: 60_000 })
    await expectFault(enrolAgent(vouch.address, token, signer), 'ALREADY_EXISTS')
    await enrolAgent(vouch.address, token)
  })

  it('SIGNATURE_INVALID without possession of the key', async () => {
    const token = await vouch.collector.tokens.create({ ttlMs: 60_000 })
    const signer = newSigner()
    const forged = { ...signer, sign: () => new Uint8Array(64) }
    await expectFault(enrolAgent(vouch.address, token, forged), 'SIGNATURE_INVALID')
  })
})

describe('the challenge', () => {
  it('CHALLENGE_FAILED when the answer is late, wrong, or no answer', async () => {
    const agent = await vouch.enrol()
    const late = new TestConnection(vouch.address, agent)
    await late.next()
    expect(await late.next()).toMatchObject({ case: 'rejection', value: { code: 'CHALLENGE_FAILED' } })
    // And the call ends, or its place would be held for as long as the connection.
    await expectFault(late.next(), 'CHALLENGE_FAILED')
    const wrong = new TestConnection(vouch.address, agent)
    await expectFault(wrong.hello({ ...agent.signer, sign: () => new Uint8Array(64) }), 'CHALLENGE_FAILED')
    const early = new TestConnection(vouch.address, agent)
    early.batch(agent.seal([reading()]))
    await early.next()
    expect(await early.next()).toMatchObject({ case: 'rejection', value: { code: 'CHALLENGE_FAILED' } })
    expect(await readings()).toBe(0)
  })

  it('AGENT_UNKNOWN, KEY_UNKNOWN', async () => {
    const agent = await vouch.enrol()
    await expectFault(
      new TestConnection(vouch.address, agent).hello(agent.signer, randomBytes(16)),
      'AGENT_UNKNOWN',
    )
    await expectFault(new TestConnection(vouch.address, agent).hello(newSigner()), 'KEY_UNKNOWN')
  })

  it('AGENT_REVOKED ends live connections, and refuses new ones', async () => {
    const agent = await vouch.enrol()
    const connection = await vouch.connect(agent)
    await vouch.collector.revoke(agent.agentId, 'the host was sold')
    await expectFault(connection.receipt(1n), 'AGENT_REVOKED')
    await expectFault(new TestConnection(vouch.address, agent).hello(), 'AGENT_REVOKED')
    await expectFault(vouch.collector.revoke(randomBytes(16), 'nobody'), 'AGENT_UNKNOWN')
  })
})

describe('rotated keys', () => {
  it('KEY_RETIRED for hello and for batches sealed afterwards; what was sealed before is taken', async () => {
    const agent = await vouch.enrol()
    const before = agent.seal([reading(0)])
    const next = newSigner()
    const statement = rotateBytes(agent.agentId, next.publicKey)
    const client = makeClient(EnrolmentService, vouch.address, credentials.createInsecure())
    const request = {
      $typeName: 'vouch.enrolment.v1.RotateKeyRequest' as const,
      agentId: agent.agentId,
      newPublicKey: next.publicKey,
      signatureByCurrent: agent.signer.sign(TAGS.rotate, statement),
      signatureByNew: next.sign(TAGS.rotate, statement),
    }
    await client.rotateKey(request)
    expect(faultOfError(await client.rotateKey(request).catch((error: unknown) => error)).code).toBe(
      'KEY_RETIRED',
    )
    client.close()
    await expectFault(new TestConnection(vouch.address, agent).hello(), 'KEY_RETIRED')
    const old = agent.signer
    agent.signer = next
    const connection = await vouch.connect(agent)
    connection.batch(before)
    connection.batch(agent.seal([reading(1)]))
    await connection.receipt(2n)
    connection.batch(agent.seal([reading(2)], { signer: old, wallMs: Date.now() + 3_600_000 }))
    await expectFault(connection.receipt(3n), 'KEY_RETIRED')
  })
})

describe('the end of a life', () => {
  const ended = async (
    agent: TestAgent,
    digest: Uint8Array,
    over: { signer?: Signer; agentId?: Uint8Array } = {},
  ) => {
    const client = makeClient(EnrolmentService, vouch.address, credentials.createInsecure())
    const { signer = agent.signer, agentId = agent.agentId } = over
    try {
      return await client.decommission({
        $typeName: 'vouch.enrolment.v1.DecommissionRequest',
        agentId,
        lastDigest: digest,
        signature: signer.sign(TAGS.decommission, decommissionBytes(agentId, digest)),
      })
    } catch (error) {
      throw new FaultError(faultOfError(error))
    } finally {
      client.close()
    }
  }

  async function delivered(): Promise<{ agent: TestAgent; digests: Uint8Array[] }> {
    const agent = await vouch.enrol()
    const connection = await vouch.connect(agent)
    const digests = [0, 1].map((index) => {
      connection.batch(agent.seal([reading(index)]))
      return agent.previous
    })
    await connection.receipt(2n)
    connection.close()
    return { agent, digests }
  }

  it.each<[FaultCode, string, (lived: { agent: TestAgent; digests: Uint8Array[] }) => Promise<unknown>]>([
    ['SEQUENCE_GAP', 'a batch that is not the last', ({ agent, digests }) => ended(agent, digests[0]!)],
    ['SEQUENCE_GAP', 'a batch that never came', ({ agent }) => ended(agent, randomBytes(32))],
    ['SEQUENCE_GAP', 'no batch where there are some', ({ agent }) => ended(agent, new Uint8Array())],
    ['FIELD_INVALID', 'no digest', ({ agent }) => ended(agent, randomBytes(31))],
    [
      'SIGNATURE_INVALID',
      'another key',
      ({ agent, digests }) => ended(agent, digests[1]!, { signer: newSigner() }),
    ],
    [
      'AGENT_UNKNOWN',
      'nobody',
      ({ agent, digests }) => ended(agent, digests[1]!, { agentId: randomBytes(16) }),
    ],
    [
      'AGENT_REVOKED',
      'one that was revoked',
      async ({ agent, digests }) => {
        await vouch.collector.revoke(agent.agentId, 'sold')
        return ended(agent, digests[1]!)
      },
    ],
  ])('%s for %s', async (code, _, act) => {
    await expectFault(act(await delivered()), code)
  })

  it('is told once, by as many as ask, and nothing is taken afterwards', async () => {
    const { agent, digests } = await delivered()
    const open = await vouch.connect(agent)
    const answers = await Promise.all(Array.from({ length: 8 }, () => ended(agent, digests[1]!)))
    expect(new Set(answers.map(({ atMs }) => atMs)).size).toBe(1)
    await expectFault(open.receipt(3n), 'AGENT_DECOMMISSIONED')
    await expectFault(new TestConnection(vouch.address, agent).hello(), 'AGENT_DECOMMISSIONED')
    expect((await ended(agent, digests[1]!)).atMs).toBe(answers[0]!.atMs)
  })

  it('may come before the first batch', async () => {
    const agent = await vouch.enrol()
    expect((await ended(agent, new Uint8Array())).atMs).toBeGreaterThan(0n)
  })
})

describe('definitions', () => {
  it.each<[FaultCode, (agent: TestAgent) => ReturnType<TestAgent['define']>[]]>([
    ['FIELD_INVALID', (agent) => [{ ...agent.stream, resource: 'host:test/other' }]],
    ['FIELD_INVALID', (agent) => [agent.define('a b', 'host.uptime', 's')]],
    ['FORBIDDEN', (agent) => [agent.define('host:other', 'host.uptime', 's')]],
    ['FORBIDDEN', (agent) => [agent.define('host:test2', 'host.uptime', 's')]],
    ['METER_UNKNOWN', (agent) => [agent.define('host:test', 'Nope', 's')]],
    // The words of a definition are repeated in the answer, which has to fit into a trailer.
    ['FIELD_INVALID', (agent) => [agent.define('host:test', 'host.uptime', 's'.repeat(60_000))]],
    [
      'FIELD_INVALID',
      (agent) => [{ ...agent.define('host:test', 'm'.repeat(60_000), 's'), kind: RegisterKind.UNSPECIFIED }],
    ],
    ['UNIT_MISMATCH', (agent) => [agent.define('host:test', 'host.uptime', 'ms')]],
    [
      'QUOTA_EXCEEDED',
      (agent) =>
        Array.from({ length: 11 }, (_, index) => agent.define(`host:test/part:${index}`, 'host.uptime', 's')),
    ],
  ])('%s', async (code, streams) => {
    const agent = await vouch.enrol()
    const connection = await vouch.connect(agent)
    connection.declare(...streams(agent))
    await expectFault(connection.receipt(1n), code)
  })
})

describe('garbage', () => {
  it('neither ends nor fills the process', async () => {
    const raw = new Client(vouch.address, credentials.createInsecure())
    const identity = (bytes: Buffer): Buffer => bytes
    for (const path of ['/vouch.ingest.v1.IngestService/Push', '/no.such.Service/Call']) {
      for (let index = 0; index < 50; index++) {
        const call = raw.makeBidiStreamRequest(path, identity, identity)
        call.on('error', () => undefined)
        call.on('data', () => undefined)
        call.write(randomBytes(index * 20))
        if (index % 2 === 0) call.end()
        else setTimeout(() => call.cancel(), 20)
      }
    }
    const session = connect(`http://${vouch.address}`)
    session.on('error', () => undefined)
    const stream = session.request({ ':method': 'POST', ':path': '/', 'content-type': 'application/grpc' })
    stream.on('error', () => undefined)
    stream.end(randomBytes(1_000))
    const agent = await vouch.enrol()
    const connection = await vouch.connect(agent)
    connection.batch(agent.seal([reading()]))
    await connection.receipt(1n)
    raw.close()
    session.destroy()
    connection.close()
    const open = async (): Promise<string> =>
      /^vouch_collector_connections (\d+)$/m.exec(
        await (await fetch(`${vouch.httpAddress}/metrics`)).text(),
      )![1]!
    // Connections of the tests above may still be open; those of the garbage close at the challenge's end.
    const before = Number(await open())
    expect(before).toBeLessThan(120)
    expect(await fetch(`${vouch.httpAddress}/readyz`)).toMatchObject({ status: 200 })
  })
})

it('an agent that ends its side in good order gets its receipts, and its status at once', async () => {
  const agent = await vouch.enrol()
  const connection = await vouch.connect(agent)
  connection.batch(agent.seal([reading()]))
  connection.end()
  await connection.receipt(1n)
  const startedMs = performance.now()
  expect(await connection.next()).toEqual({ case: undefined })
  expect(performance.now() - startedMs).toBeLessThan(1_000)
})
