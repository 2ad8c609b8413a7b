import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { rotateKey } from '@vouch/agent/commands.ts'
import { decommissionHost } from '@vouch/agent/decommission.ts'
import { createAgent } from '@vouch/agent/index.ts'
import { createFleet } from '@vouch/collector/postgres/fleet.ts'
import { createPullRegistry } from '@vouch/collector/postgres/pulls.ts'
import { SILENT } from '@vouch/collector/testing/test-collector.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { LEASE_MS, PATIENCE, Yard } from './yard.ts'

let yard: Yard
beforeAll(async () => {
  yard = await Yard.open()
}, 60_000)
afterAll(() => yard.close())
afterEach(() => yard.clear())

describe('an agent that is dialled', () => {
  it('delivers everything in order, and shows how it goes', async () => {
    const { agent, agentId, address } = await yard.pulled('whole')
    await yard.delivering(agentId, 5)
    await yard.comesTo(agentId, 'connected')
    expect((await yard.summary(agentId)).pull).toMatchObject({ address, message: '' })
    const metrics = async (): Promise<string> => (await fetch(`${yard.collector.httpAddress}/metrics`)).text()
    expect(await metrics()).toMatch(/^vouch_collector_pull_agents 1$/m)
    expect(await metrics()).toMatch(/^vouch_collector_pull_connections 1$/m)
    await yard.stop(agent)
    expect(await yard.problems(agentId)).toEqual([])
    await yard.comesTo(agentId, 'UNAVAILABLE')
    const said = { message: 'agent not pulled', agent: agentId.toHex() }
    expect(yard.collector.said.filter((each) => each.agent === said.agent)).toEqual([said])
    expect(await metrics()).toMatch(/^vouch_collector_pull_failures_total\{code="UNAVAILABLE"\} [1-9]\d*$/m)
  }, 60_000)

  it('goes on after it was started again, with what it had not delivered', async () => {
    const { agent, agentId, config } = await yard.pulled('again')
    await yard.delivering(agentId)
    await yard.stop(agent)
    await yard.comesTo(agentId, 'UNAVAILABLE')
    const unheard = createAgent({ config: { ...config, stopTimeoutMs: 0 }, logger: SILENT })
    await unheard.open()
    await unheard.sampleOnce()
    unwrap(unheard.sealBatch())
    await unheard.stop()
    const again = await yard.start(config)
    await yard.delivering(agentId)
    await yard.comesTo(agentId, 'connected')
    await yard.stop(again)
    expect(await yard.problems(agentId)).toEqual([])
  }, 60_000)

  it('is left within seconds of its revocation, and told so', async () => {
    const { agent, agentId } = await yard.pulled('revoked', { stopTimeoutMs: 0 })
    await yard.delivering(agentId)
    unwrap(await createFleet(yard.pool).bar(agentId, 'revoked', 'the host was sold'))
    await vi.waitFor(() => expect(agent.status().fault?.code).toBe('AGENT_REVOKED'), { timeout: 5_000 })
    // What was under way is stored; nothing comes after it.
    await sleep(LEASE_MS)
    const { places } = await yard.stored(agentId)
    await sleep(2 * LEASE_MS)
    expect((await yard.stored(agentId)).places).toBe(places)
    expect(agent.status().spooledBatches).toBeGreaterThan(5)
  }, 60_000)

  it('loses and doubles nothing from pull to push and back', async () => {
    const { agent, agentId, config, address } = await yard.pulled('turned')
    await yard.delivering(agentId)
    await yard.stop(agent)
    const pushing = await yard.start(await yard.configured('turned'))
    await yard.delivering(agentId)
    // The address is still known: nobody answers there, which hinders nobody.
    await yard.comesTo(agentId, 'UNAVAILABLE')
    await yard.dial(agentId, undefined)
    expect((await yard.summary(agentId)).pull).toBeUndefined()
    await yard.delivering(agentId)
    await yard.stop(pushing)
    const again = await yard.start(config)
    await yard.dial(agentId, address)
    await yard.delivering(agentId)
    await yard.stop(again)
    expect(await yard.problems(agentId)).toEqual([])
  }, 90_000)

  it('is let go in order when it is not to be dialled any more', async () => {
    const { agent, agentId } = await yard.pulled('let-go', { stopTimeoutMs: 0 })
    await yard.delivering(agentId)
    await yard.dial(agentId, undefined)
    await sleep(LEASE_MS)
    const { places } = await yard.stored(agentId)
    await sleep(LEASE_MS)
    expect((await yard.stored(agentId)).places).toBe(places)
    expect(agent.status().fault).toBeUndefined()
    expect(await createPullRegistry(yard.pool).assign(agentId, undefined)).toMatchObject({
      fault: { code: 'AGENT_UNKNOWN' },
    })
  }, 60_000)
})

describe('over the connection that the collector makes', () => {
  it('a key is replaced on request, and the chain goes on', async () => {
    const { agent, agentId, config } = await yard.pulled('turning', {
      collector: '127.0.0.1:1',
    })
    await yard.delivering(agentId)
    expect(unwrap(await rotateKey(config))).toMatch(/^key [0-9a-f]{16,} is in force\n$/)
    await yard.delivering(agentId)
    await yard.stop(agent)
    expect(await yard.problems(agentId)).toEqual([])
    const [keys] = await yard.collector.query<{ keys: string }>(
      `SELECT uniqExact(key_id) AS keys FROM ${yard.collector.database}.batches_v1 WHERE agent = unhex('${agentId.toHex()}')`,
    )
    expect(keys?.keys).toBe('2')
  }, 60_000)

  it('a life ends in order, after its last batch', async () => {
    const { agent, agentId, config } = await yard.pulled('ended', { collector: '127.0.0.1:1' })
    await yard.delivering(agentId)
    await yard.stop(agent)
    const { places } = await yard.stored(agentId)
    expect(unwrap(await decommissionHost({ config, logger: SILENT }))).toContain(agentId.toHex())
    expect(await yard.summary(agentId)).toMatchObject({ state: 'decommissioned' })
    expect((await yard.stored(agentId)).places).toBe(places + 1)
    expect(await yard.problems(agentId)).toEqual([])
    expect(existsSync(join(config.stateDir, 'agent.key'))).toBe(false)
  }, 90_000)
})

describe('of several collectors', () => {
  it('each has its share, one that comes gets some, and one that stops leaves its own at once', async () => {
    const all = await Promise.all(['a', 'b', 'c', 'd'].map((name) => yard.pulled(`share-${name}`)))
    for (const { agentId } of all) await yard.delivering(agentId)
    const shares = async (): Promise<number[]> => {
      const { rows } = await yard.pool.query<{ agents: number }>(
        'SELECT count(*)::int AS agents FROM fleet.pulls WHERE connected GROUP BY holder',
      )
      return rows.map(({ agents }) => agents)
    }
    const second = await yard.collector.another()
    await vi.waitFor(async () => expect(await shares()).toEqual([2, 2]), PATIENCE)
    for (const { agentId } of all) await yard.delivering(agentId)
    await second.dispose()
    await vi.waitFor(async () => expect(await shares()).toEqual([4]), PATIENCE)
    for (const { agent, agentId } of all) {
      await yard.delivering(agentId)
      await yard.stop(agent)
      expect(await yard.problems(agentId)).toEqual([])
    }
  }, 120_000)

  it('the others wait for the end of a lease, and not much longer', async () => {
    const registry = createPullRegistry(yard.pool)
    const { agentId, address } = await yard.pulled('leased')
    await yard.delivering(agentId)
    await yard.dial(agentId, undefined)
    // One that takes the agent and is never heard of again.
    await yard.dial(agentId, address)
    const since = Date.now()
    await yard.pool.query(`INSERT INTO fleet.pull_holders VALUES ('dead', now() + interval '4 seconds')`)
    await yard.pool.query(`UPDATE fleet.pulls SET holder = 'dead', connected = true`)
    await vi.waitFor(async () => {
      const { rows } = await yard.pool.query(`SELECT FROM fleet.pulls WHERE holder <> 'dead' AND connected`)
      expect(rows).toHaveLength(1)
    }, PATIENCE)
    expect(Date.now() - since).toBeGreaterThanOrEqual(4_000)
    expect(unwrap(await registry.renew('late', 1_000, 0)).targets).toEqual([])
    await yard.delivering(agentId)
  }, 60_000)
})
