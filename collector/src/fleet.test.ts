import { create } from '@bufbuild/protobuf'
import { StatusSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { credentials } from '@grpc/grpc-js'
import { EnrolmentService } from '@vouch/proto/gen/vouch/enrolment/v1/enrolment_pb.ts'
import { rotateBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS, generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { makeClient } from '@vouch/proto/wire/grpc.ts'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { AgentSummary, Observation } from './fleet/ports.ts'
import { createFleet } from './postgres/fleet.ts'
import { openPool } from './postgres/pool.ts'
import { expectFault } from './testing/expect-fault.ts'
import type { TestAgent, TestConnection } from './testing/test-agent.ts'
import { SILENT, startTestCollector } from './testing/test-collector.ts'
import type { TestCollector } from './testing/test-collector.ts'

const PATIENCE = { timeout: 15_000, interval: 50 }
let [a, b]: TestCollector[] = []
let pool: pg.Pool
beforeAll(async () => {
  a = await startTestCollector({ VOUCH_COLLECTOR_SILENT_AFTER_MS: '1500' })
  b = await a.another()
  pool = openPool(a.postgresUrl, SILENT)
})
afterAll(async () => {
  await pool.end()
  await b!.dispose()
  await a!.dispose()
})

const reading = (index = 0) => ({ timeMs: Date.now() - 60_000 + index, register: BigInt(index) })

async function summary(agent: TestAgent): Promise<AgentSummary> {
  const [found] = unwrap(await createFleet(pool).list(1, { agentId: agent.agentId }))
  return found!
}

describe('the status of an agent', () => {
  it('is what it told last and what came of it', async () => {
    const agent = await a!.enrol()
    const connection = await a!.connect(agent)
    const sample = reading()
    connection.batch(agent.seal([sample], { wallMs: Date.now() - 40_000 }))
    await connection.receipt(1n)
    await vi.waitFor(async () => expect((await summary(agent)).status?.lastSequence).toBe(1n), PATIENCE)
    const first = (await summary(agent)).status!
    expect(first).toMatchObject({ newestReadingMs: sample.timeMs, spool: undefined, stopped: false })
    expect(first.clockOffsetMs).toBeGreaterThanOrEqual(40_000)
    expect(first.collector).toContain(a!.address)
    const told = {
      spooledBatches: 7n,
      spooledBytes: 900n,
      oldestSealedMs: 1_700_000_000_000n,
      wallMs: BigInt(Date.now()),
    }
    connection.send({ case: 'status', value: create(StatusSchema, told) })
    const spool = { batches: 7n, bytes: 900n, oldestMs: 1_700_000_000_000 }
    await vi.waitFor(async () => expect((await summary(agent)).status?.spool).toEqual(spool), PATIENCE)
    expect((await summary(agent)).status!.clockOffsetMs).toBeLessThan(30_000)
    connection.close()
  })

  it('of an agent that says anything at all spoils neither its connection nor the report of the others', async () => {
    const [liar, honest] = [await a!.enrol(), await a!.enrol()]
    const connection = await a!.connect(liar)
    const most = 2n ** 64n - 1n
    const value = create(StatusSchema, {
      spooledBatches: most,
      spooledBytes: most,
      oldestSealedMs: 2n ** 63n - 1n,
      wallMs: -(2n ** 63n),
    })
    connection.send({ case: 'status', value })
    connection.send({ case: undefined })
    connection.batch(liar.seal([reading()]))
    await connection.receipt(1n)
    const other = await a!.connect(honest)
    await vi.waitFor(
      async () => expect((await summary(liar)).status?.spool?.batches).toBe(2n ** 63n - 1n),
      PATIENCE,
    )
    await vi.waitFor(async () => expect((await summary(honest)).status).toBeDefined(), PATIENCE)
    connection.close()
    other.close()
  })

  it('of two collectors is the one that heard of it later, whoever writes last', async () => {
    const agent = await a!.enrol()
    const fleet = createFleet(pool)
    const nowMs = Date.now()
    const seen = (heardMs: number, lastSequence: bigint): Observation => ({
      agentId: agent.agentId,
      heardMs,
      agentVersion: '1',
      address: 'x',
      runId: agent.runId,
      lastSequence,
      policyVersion: 5n,
      clockOffsetMs: 0,
      newestReadingMs: undefined,
      spool: undefined,
      stopped: false,
    })
    const report = async (collector: string, observation: Observation) =>
      unwrap(
        await fleet.report({ collector, nowMs, connected: [agent.agentId], observations: [observation] }),
      )
    expect((await report('one', seen(nowMs, 9n))).elsewhere).toEqual([])
    expect((await report('two', seen(nowMs - 5_000, 3n))).elsewhere).toEqual([agent.agentId.toHex()])
    expect((await summary(agent)).status).toMatchObject({
      collector: 'one',
      lastSequence: 9n,
      policyVersion: 5n,
    })
  })
})

describe('silence', () => {
  it('is told once a fleet, again when the agent is back, and never of one that stopped', async () => {
    const [silent, stopped] = [await a!.enrol(), await b!.enrol()]
    const [first, second] = [await a!.connect(silent), await b!.connect(stopped)]
    first.batch(silent.seal([reading()]))
    await first.receipt(1n)
    second.batch(stopped.seal([reading()], { final: true }))
    await second.receipt(1n)
    const mine = (from: TestCollector, message: string): number =>
      from.said.filter((line) => line.message === message && line.agent === silent.agentId.toHex()).length
    first.close()
    second.close()
    await vi.waitFor(async () => expect((await summary(silent)).silentSinceMs).toBeDefined(), PATIENCE)
    await vi.waitFor(() => expect(mine(a!, 'agent silent') + mine(b!, 'agent silent')).toBe(1), PATIENCE)
    await vi.waitFor(async () => {
      const metrics = await (await fetch(`${b!.httpAddress}/metrics`)).text()
      expect(Number(/^vouch_collector_agents_silent (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(0)
    }, PATIENCE)
    expect((await summary(stopped)).silentSinceMs).toBeUndefined()
    expect((await summary(stopped)).status?.stopped).toBe(true)
    const again = await b!.connect(silent)
    await vi.waitFor(async () => expect((await summary(silent)).silentSinceMs).toBeUndefined(), PATIENCE)
    await vi.waitFor(() => expect(mine(a!, 'agent is back') + mine(b!, 'agent is back')).toBe(1), PATIENCE)
    expect(mine(a!, 'agent silent') + mine(b!, 'agent silent')).toBe(1)
    again.close()
  }, 60_000)
})

describe('across collectors', () => {
  it('a revocation at one ends the connections at the other', async () => {
    const agent = await a!.enrol()
    const connection = await b!.connect(agent)
    await a!.collector.revoke(agent.agentId, 'the host was sold')
    await expectFault(connection.receipt(1n), 'AGENT_REVOKED')
  })

  it('a rotation at one is known at the other, for the new key and against the old', async () => {
    const agent = await a!.enrol()
    const connection = await b!.connect(agent)
    const [old, next] = [agent.signer, signerOf(generateKeys().privateKey)]
    const statement = rotateBytes(agent.agentId, next.publicKey)
    const client = makeClient(EnrolmentService, a!.address, credentials.createInsecure())
    await client.rotateKey({
      $typeName: 'vouch.enrolment.v1.RotateKeyRequest',
      agentId: agent.agentId,
      newPublicKey: next.publicKey,
      signatureByCurrent: old.sign(TAGS.rotate, statement),
      signatureByNew: next.sign(TAGS.rotate, statement),
    })
    client.close()
    // Until its next round the other collector knows one key only.
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    connection.batch(agent.seal([reading(1)], { signer: next }))
    await connection.receipt(1n)
    connection.batch(agent.seal([reading(2)], { signer: old, wallMs: Date.now() + 3_600_000 }))
    await expectFault(connection.receipt(2n), 'KEY_RETIRED')
  })

  it('a clone whose batches two collectors took for one place is found and quarantined', async () => {
    const agent = await a!.enrol()
    await forkAtOnce(agent, agent.runId)
    expect((await summary(agent)).reason).toMatch(/two collectors/)
  }, 30_000)

  it('so is a copy that began its very first run beside the original, on another collector', async () => {
    const agent = await a!.enrol()
    await forkAtOnce(agent, new Uint8Array(16).fill(7))
    expect((await summary(agent)).reason).toMatch(/two collectors/)
  }, 30_000)
})

/** An agent delivers to one collector and its copy to the other, each its first batch; both are taken. */
async function forkAtOnce(agent: TestAgent, runOfCopy: Uint8Array): Promise<void> {
  const { previous, runId } = agent
  const here = await a!.connect(agent)
  agent.runId = runOfCopy
  const there = await b!.connect(agent)
  // Both pass the check before either is in the archive.
  let arrived = 0
  const { promise: both, resolve } = Promise.withResolvers<void>()
  const meet = async (): Promise<undefined> => {
    if (++arrived === 2) resolve()
    await both
  }
  a!.hooks.beforeCommit = meet
  b!.hooks.beforeCommit = meet
  here.batch(agent.seal([reading(1)], { runId, sequence: 1n, previous }))
  there.batch(agent.seal([reading(2)], { sequence: 1n, previous }))
  // Both are durable by then, but who finds them out may be quicker than a receipt.
  const barred = async (connection: TestConnection): Promise<void> => {
    await connection.receipt(1n)
    await connection.receipt(2n)
  }
  await Promise.all([here, there].map((one) => expectFault(barred(one), 'AGENT_QUARANTINED')))
  delete a!.hooks.beforeCommit
  delete b!.hooks.beforeCommit
  await vi.waitFor(async () => expect((await summary(agent)).state).toBe('quarantined'), PATIENCE)
}
