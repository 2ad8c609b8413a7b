import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAgent, readAgentConfig } from '@vouch/agent/index.ts'
import type { AgentConfig } from '@vouch/agent/index.ts'
import { requestEnrolment, takeAnswer } from '@vouch/agent/enrol-files.ts'
import { parseCommand } from '@vouch/collector/cli.ts'
import { runCommand } from '@vouch/collector/commands.ts'
import { readOperatorConfig } from '@vouch/collector/config.ts'
import { SILENT } from '@vouch/collector/testing/test-collector.ts'
import { openEngine, serveEngine } from '@vouch/clickhouse'
import type { Engine } from '@vouch/clickhouse'
import { createTestDatabase } from '@vouch/postgres'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

let directory = ''
let postgres: Awaited<ReturnType<typeof createTestDatabase>>
let engine: Engine
let server: Awaited<ReturnType<typeof serveEngine>>

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vouch-enrol-'))
  postgres = await createTestDatabase()
  engine = unwrap(await openEngine(join(directory, 'clickhouse')))
  server = await serveEngine(engine)
}, 60_000)
afterAll(async () => {
  await server.close()
  await engine.close()
  await postgres.dispose()
  rmSync(directory, { recursive: true })
})

const at = (name: string): string => join(directory, name)

const host = (name: string, resource = `host:${name}`): AgentConfig =>
  unwrap(
    readAgentConfig({
      VOUCH_AGENT_STATE_DIR: at(name),
      VOUCH_AGENT_RESOURCE: resource,
      VOUCH_AGENT_LABEL: `the ${name}`,
      VOUCH_AGENT_PULL_LISTEN: '127.0.0.1:0',
      VOUCH_TLS: 'off',
      VOUCH_AGENT_STOP_TIMEOUT_MS: '0',
    }),
  )

/** Runs a command of the collector, words parted by spaces. */
async function collector(line: string): Promise<string> {
  const command = unwrap(parseCommand(line.split(' ')))
  const config = unwrap(
    readOperatorConfig({ VOUCH_CLICKHOUSE_URL: server.url, VOUCH_DATABASE_URL: postgres.url }),
  )
  return runCommand(command as Parameters<typeof runCommand>[0], config, SILENT)
}

const enrolFile = async (request: string, answer: string): Promise<string> =>
  collector(`agents enrol-file ${at(request)} --answer ${at(answer)} --group caves`)
const idIn = (text: string): string => /[0-9a-f]{32}/.exec(text)?.[0] ?? ''

async function archived(agent: string): Promise<number> {
  const client = await engine.connect()
  const query = `SELECT count() AS keys FROM vouch.agent_keys_v1 WHERE agent = unhex('${agent}')`
  const [row] = await (await client.query({ query, format: 'JSONEachRow' })).json<{ keys: string }>()
  return Number(row?.keys)
}

describe('an agent that cannot dial', () => {
  it('is enrolled by a request and its answer, and knows the collector from then on', async () => {
    const config = host('cave')
    expect(unwrap(await requestEnrolment(config, at('cave.request')))).toContain('asks to enrol host:cave')
    expect(readFileSync(at('cave.request'), 'utf8')).not.toContain('BEGIN')
    const said = await enrolFile('cave.request', 'cave.answer')
    expect(said).toContain('is enrolled for host:cave (the cave)')
    const taken = unwrap(await takeAnswer(config, at('cave.answer')))
    expect(idIn(taken)).toBe(idIn(said))
    expect(await archived(idIn(said))).toBe(1)
    expect(await collector(`agents show ${idIn(said)}`)).toMatch(/^group +caves$/m)
    const agent = createAgent({ config, logger: SILENT })
    await agent.open()
    expect(agent.status().agentId.toHex()).toBe(idIn(said))
    await agent.stop()
    expect(unwrap(await requestEnrolment(config, at('cave.second')))).toContain('already enrolled as')
    expect(existsSync(at('cave.second'))).toBe(false)
    expect(await collector(`agents pull ${idIn(said)} 10.0.0.7:7411`)).toContain(
      'is dialled at 10.0.0.7:7411',
    )
    expect(await collector(`agents show ${idIn(said)}`)).toMatch(
      /^pull address +10\.0\.0\.7:7411\npull +waiting, since /m,
    )
  })

  it('is the same agent when the answer was lost, and no other by the same key', async () => {
    const config = host('lost')
    unwrap(await requestEnrolment(config, at('lost.request')))
    const said = await enrolFile('lost.request', 'lost.first')
    expect(idIn(await enrolFile('lost.request', 'lost.answer'))).toBe(idIn(said))
    const other = { ...config, resource: 'host:other' }
    unwrap(await requestEnrolment(other, at('lost.other')))
    await expect(enrolFile('lost.other', 'lost.none')).rejects.toThrow('ALREADY_EXISTS')
    expect(idIn(unwrap(await takeAnswer(config, at('lost.answer'))))).toBe(idIn(said))
    await collector(`agents revoke ${idIn(said)} --reason sold`)
    await expect(enrolFile('lost.request', 'lost.again')).rejects.toThrow('AGENT_REVOKED')
  })

  it('takes no answer for another key, none that was changed, and none that is no answer', async () => {
    const [one, two] = [host('one'), host('two')]
    unwrap(await requestEnrolment(one, at('one.request')))
    unwrap(await requestEnrolment(two, at('two.request')))
    await enrolFile('one.request', 'one.answer')
    expect(await takeAnswer(two, at('one.answer'))).toMatchObject({ fault: { code: 'SIGNATURE_INVALID' } })
    const answer = JSON.parse(readFileSync(at('one.answer'), 'utf8')) as Record<string, string>
    const changed = { ...answer, agentId: Buffer.alloc(16).toString('base64') }
    writeFileSync(at('one.changed'), JSON.stringify(changed))
    expect(await takeAnswer(one, at('one.changed'))).toMatchObject({ fault: { code: 'SIGNATURE_INVALID' } })
    for (const file of ['one.request', 'nothing'])
      expect(await takeAnswer(one, at(file))).toMatchObject({ fault: { code: 'FIELD_INVALID' } })
    unwrap(await takeAnswer(one, at('one.answer')))
  })

  it('is not enrolled by a request that was changed on its way, and no file is written over', async () => {
    unwrap(await requestEnrolment(host('far'), at('far.request')))
    expect(await requestEnrolment(host('far'), at('far.request'))).toMatchObject({
      fault: { code: 'FIELD_INVALID' },
    })
    const request = JSON.parse(readFileSync(at('far.request'), 'utf8')) as Record<string, string>
    writeFileSync(at('far.changed'), JSON.stringify({ ...request, resource: 'host:richer' }))
    await expect(enrolFile('far.changed', 'far.answer')).rejects.toThrow('SIGNATURE_INVALID')
    await expect(enrolFile('nothing', 'far.answer')).rejects.toThrow('FIELD_INVALID')
    expect(existsSync(at('far.answer'))).toBe(false)
    writeFileSync(at('far.answer'), 'mine')
    await expect(enrolFile('far.request', 'far.answer')).rejects.toThrow('FIELD_INVALID')
    expect(readFileSync(at('far.answer'), 'utf8')).toBe('mine')
  })
})
