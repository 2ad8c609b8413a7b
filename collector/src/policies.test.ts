import { fromBinary } from '@bufbuild/protobuf'
import { PolicySchema } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import type { Policy } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { TAGS, verify } from '@vouch/proto/seal/seal.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { BUILT_IN, policyList } from './fleet/policy.ts'
import type { Fleet } from './fleet/ports.ts'
import { createFleet } from './postgres/fleet.ts'
import { openPool } from './postgres/pool.ts'
import { enrolAgent } from './testing/test-agent.ts'
import type { TestAgent, TestConnection } from './testing/test-agent.ts'
import { SILENT, startTestCollector } from './testing/test-collector.ts'
import type { TestCollector } from './testing/test-collector.ts'

let a: TestCollector
let pool: pg.Pool
let fleet: Fleet
beforeAll(async () => {
  a = await startTestCollector()
  pool = openPool(a.postgresUrl, SILENT)
  fleet = createFleet(pool)
})
afterAll(async () => {
  await pool.end()
  await a.dispose()
})

const { version: _, ...built } = BUILT_IN
const put = async (group: string, cadenceMs: number, validMs = built.validMs): Promise<bigint> =>
  unwrap(await fleet.setPolicy({ group, policy: { ...built, cadenceMs, validMs }, by: 'me', reason: '' }))

async function told(agent: TestAgent, connection: TestConnection): Promise<Policy> {
  const frame = await connection.next()
  if (frame.case !== 'policy') throw new Error(`not a policy but ${frame.case}`)
  const { policy, signature } = frame.value
  expect(verify(TAGS.policy, policy, signature, agent.collectorKey)).toBe(true)
  return fromBinary(PolicySchema, policy)
}

it('an agent is told the policy of its group when it connects, when it changes, and before it expires', async () => {
  const agent = await a.enrol()
  unwrap(await fleet.move(agent.agentId, 'web', 'me'))
  expect(unwrap(await fleet.policies(true, 10))).toEqual([])
  const first = await put('web', 5000)
  const connection = await a.connect(agent)
  const policy = await told(agent, connection)
  expect(policy).toMatchObject({ version: first, cadenceMs: 5000, sources: [] })
  expect(Number(policy.expiresMs) - Date.now()).toBeGreaterThan(built.validMs - 60_000)
  await put('another', 900)
  const second = await put('web', 2000, 600)
  expect(await told(agent, connection)).toMatchObject({ version: second, cadenceMs: 2000 })
  expect(await told(agent, connection)).toMatchObject({ version: second, cadenceMs: 2000 })
  connection.close()
})

it('an agent that moves gets the policy of its new group under a version above all it has seen', async () => {
  const agent = await a.enrol()
  const old = await put('old', 1000)
  const young = await put('young', 3000)
  expect(young).toBeGreaterThan(old)
  unwrap(await fleet.move(agent.agentId, 'young', 'me'))
  const connection = await a.connect(agent)
  expect((await told(agent, connection)).cadenceMs).toBe(3000)
  unwrap(await fleet.move(agent.agentId, 'old', 'me'))
  const again = await told(agent, connection)
  expect(again.cadenceMs).toBe(1000)
  expect(again.version).toBeGreaterThan(young)
  connection.close()
  const entries = unwrap(await fleet.policies(false, 10))
  expect(entries.find(({ group }) => group === 'old')).toMatchObject({
    agents: 1,
    setBy: 'me',
    reason: `agent ${agent.agentId.toHex()} joined`,
  })
  expect(policyList(entries, false)).toMatch(/^\d+ old \(1 agents\): every 1000 ms, /m)
  expect(JSON.parse(policyList(entries, true))).toHaveLength(entries.length)
})

it('a token puts its agent in a group', async () => {
  const version = await put('rack', 700)
  const token = unwrap(await fleet.createToken({ ttlMs: 60_000, group: 'rack' }))
  const agent = await enrolAgent(a.address, token)
  const connection = await a.connect(agent)
  expect(await told(agent, connection)).toMatchObject({ version, cadenceMs: 700 })
  connection.close()
})

it('policies that are set at once get versions of their own', async () => {
  const versions = await Promise.all(Array.from({ length: 8 }, (_each, index) => put(`g${index}`, 1000)))
  expect(new Set(versions).size).toBe(8)
  expect(await fleet.move(new Uint8Array(16), 'web', 'me')).toMatchObject({
    fault: { code: 'AGENT_UNKNOWN' },
  })
})
