import { randomBytes } from 'node:crypto'
import { createTestDatabase } from '@vouch/postgres'
import { ok, unwrap } from '@vouch/proto/kernel/fault.ts'
import { keyId } from '@vouch/proto/seal/seal.ts'
import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { SILENT } from '../testing/test-collector.ts'
import { createFleet } from './fleet.ts'
import { migratePostgres } from './migrate.ts'
import { openPool } from './pool.ts'

let database: Awaited<ReturnType<typeof createTestDatabase>>
let pool: pg.Pool
beforeAll(async () => {
  database = await createTestDatabase()
  pool = openPool(database.url, SILENT)
  unwrap(await migratePostgres(pool))
})
afterAll(async () => {
  await pool.end()
  await database.dispose()
})

it('agents that say hello together are read in few queries, each with its own keys or its own fault', async () => {
  let queries = 0
  const counted = new Proxy(pool, {
    get: (target, name) => {
      if (name === 'query') queries++
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  const fleet = createFleet(counted)
  const enrolled = await Promise.all(
    [1, 2, 3, 4, 5].map(async (index) => {
      const input = {
        token: unwrap(await fleet.createToken({ ttlMs: 60_000 })),
        publicKey: randomBytes(32),
        label: '',
        resource: `host:${index}`,
        agentVersion: '',
      }
      const agentId = unwrap(await fleet.enrol(input, async () => ok(undefined))).agentId
      return { ...input, agentId }
    }),
  )
  const next = randomBytes(32)
  const [first] = enrolled
  unwrap(await fleet.rotate(first!.agentId, { current: first!.publicKey, next }, async () => ok(undefined)))
  queries = 0
  const strangers = enrolled.map(() => randomBytes(16))
  const asked = [...enrolled.map(({ agentId }) => agentId), ...strangers]
  const answers = await Promise.all(asked.map((agentId) => fleet.agent(agentId)))
  expect(queries).toBe(2)
  enrolled.forEach(({ resource, publicKey }, index) => {
    const agent = unwrap(answers[index]!)
    expect(agent.resource).toBe(resource)
    const keys = index === 0 ? [publicKey, next] : [publicKey]
    expect([...agent.keys.keys()].toSorted()).toEqual(keys.map((key) => keyId(key).toHex()).toSorted())
  })
  for (const answer of answers.slice(enrolled.length))
    expect(answer).toMatchObject({ ok: false, fault: { code: 'AGENT_UNKNOWN' } })
})
