import { createAgent } from '@vouch/agent/index.ts'
import { SILENT } from '@vouch/collector/testing/test-collector.ts'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { freeAddress, makeEstate } from './estate.ts'
import type { Estate } from './estate.ts'
import { PATIENCE, Yard } from './yard.ts'

let yard: Yard
let strangers: Estate
beforeAll(async () => {
  strangers = await makeEstate()
  yard = await Yard.open()
}, 60_000)
afterAll(async () => {
  await yard.close()
  strangers.remove()
})
afterEach(() => yard.clear())

/** Makes the collector another one by its key, on the same stores. */
async function changeKey(): Promise<void> {
  await yard.pool.query('UPDATE fleet.collector_keys SET retired_at = now() WHERE retired_at IS NULL')
  yard.collector = await yard.collector.restart()
}

async function restoreKey(): Promise<void> {
  await yard.pool.query('DELETE FROM fleet.collector_keys WHERE retired_at IS NULL')
  await yard.pool.query('UPDATE fleet.collector_keys SET retired_at = NULL')
  yard.collector = await yard.collector.restart()
}

const refused = { stopTimeoutMs: 0 }

describe('is refused', () => {
  it('a collector under another authority, by the agent', async () => {
    const { agent, agentId, config } = await yard.pulled('wary', refused)
    await yard.delivering(agentId)
    await yard.stop(agent)
    const { places } = await yard.stored(agentId)
    await yard.start({ ...config, tlsCaFile: strangers.collector.caFile })
    await yard.comesTo(agentId, 'UNAVAILABLE')
    expect((await yard.stored(agentId)).places).toBe(places)
  }, 60_000)

  it('an agent under another authority, by the collector', async () => {
    const { agent, agentId, config } = await yard.pulled('posed', refused)
    await yard.delivering(agentId)
    await yard.stop(agent)
    const { places } = await yard.stored(agentId)
    const why = async (): Promise<string | undefined> => (await yard.summary(agentId)).pull?.message
    await vi.waitFor(async () => expect(await why()).toMatch(/ECONNREFUSED/), PATIENCE)
    const { certFile, keyFile } = await strangers.agent('posed')
    await yard.start({ ...config, tlsCertFile: certFile, tlsKeyFile: keyFile })
    await yard.comesTo(agentId, 'UNAVAILABLE')
    await vi.waitFor(async () => expect(await why()).toMatch(/certificate/), PATIENCE)
    expect((await yard.stored(agentId)).places).toBe(places)
  }, 60_000)

  it('whoever has a certificate for servers only, where a collector is expected', async () => {
    const { certFile, keyFile } = await yard.estate.agent('impostor')
    const shown = { VOUCH_TLS_CERT_FILE: certFile, VOUCH_TLS_KEY_FILE: keyFile }
    const impostor = await yard.collector.another(shown)
    await yard.collector.collector.stop()
    const address = await freeAddress()
    // As a server it is believed, so the agent enrols there.
    const config = { ...(await yard.configured('guarded', address)), ...refused, collector: impostor.address }
    const token = await impostor.collector.tokens.create({ ttlMs: 60_000 })
    const agent = createAgent({ config, logger: SILENT, token })
    await agent.start()
    const { agentId } = agent.status()
    await yard.dial(agentId, address)
    await yard.comesTo(agentId, 'UNAVAILABLE')
    expect((await yard.stored(agentId)).places).toBe(0)
    await agent.stop()
    await impostor.dispose()
    yard.collector = await yard.collector.restart()
  }, 90_000)

  it('a collector with another key than the one of the enrolment, whatever its certificate', async () => {
    const { agent, agentId, config } = await yard.pulled('pinned', refused)
    await yard.delivering(agentId)
    await changeKey()
    await vi.waitFor(() => expect(agent.status().fault?.code).toBe('SIGNATURE_INVALID'), PATIENCE)
    await yard.comesTo(agentId, 'SIGNATURE_INVALID')
    const { places } = await yard.stored(agentId)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect((await yard.stored(agentId)).places).toBe(places)
    await restoreKey()
    await yard.delivering(agentId)
    await yard.stop(agent)
    const last = await yard.start({ ...config, stopTimeoutMs: 10_000 })
    await yard.delivering(agentId)
    await yard.stop(last)
    expect(await yard.problems(agentId)).toEqual([])
  }, 90_000)

  it('another agent than the one that is expected at an address', async () => {
    const right = await yard.pulled('right')
    const wrong = await yard.pulled('wrong', refused)
    await yard.delivering(right.agentId)
    await yard.dial(wrong.agentId, right.address)
    await yard.comesTo(wrong.agentId, 'CHALLENGE_FAILED')
    expect((await yard.summary(wrong.agentId)).pull?.message).toContain(right.agentId.toHex())
    await yard.delivering(right.agentId)
  }, 60_000)
})
