import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { enrolHost } from './commands.ts'
import { readAgentConfig } from './config.ts'
import { doctor } from './doctor.ts'
import { createAgent } from './index.ts'
import { lookOnce } from './once.ts'
import { startFakeCollector } from './testing/fake-collector.ts'
import type { FakeCollector } from './testing/fake-collector.ts'

let directory = ''
let fake: FakeCollector
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vouch-doctor-'))
  fake = await startFakeCollector()
})
afterEach(async () => {
  await fake.stop()
  rmSync(directory, { recursive: true })
})

const configured = (over: Readonly<Record<string, string>> = {}) =>
  unwrap(
    readAgentConfig({
      VOUCH_AGENT_STATE_DIR: directory,
      VOUCH_AGENT_COLLECTOR: fake.address,
      VOUCH_TLS: 'off',
      ...over,
    }),
  )

async function enrolled() {
  const tokenFile = join(directory, 'token')
  writeFileSync(tokenFile, 'good\n')
  const config = configured({ VOUCH_AGENT_TOKEN_FILE: tokenFile })
  unwrap(await enrolHost(config))
  return config
}

describe('the doctor', () => {
  it('finds nothing on a host that is well, while its agent runs too', async () => {
    const config = await enrolled()
    const { text, isWell } = await doctor(config)
    expect(text).toMatch(/^ok {4}enrolment: agent [0-9a-f]{32}$/m)
    expect(text).toMatch(/^ok {4}spool: 0 batches wait, 0 octets$/m)
    expect(text).toMatch(/^ok {4}collector: 127\.0\.0\.1:\d+ answers in \d+ ms$/m)
    expect(text).toMatch(/^ok {4}clock: the collector is \d+ ms (?:ahead|behind)$/m)
    expect(text).toMatch(/^ok {4}source host: \d+ meters read/m)
    expect(text).not.toMatch(/^(?:warn|FAIL)/m)
    expect(isWell).toBe(true)
    const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
    const agent = createAgent({ config, logger })
    await agent.open()
    expect((await doctor(config)).text).toContain('spool: an agent runs on it')
    await agent.stop()
  })

  it('names what is wrong with a remedy, all of it at once', async () => {
    const config = await enrolled()
    chmodSync(join(directory, 'agent.key'), 0o644)
    writeFileSync(join(directory, 'spool.sqlite.unreadable-1-1'), '')
    fake.wallOffsetMs = -90_000
    const { text, isWell } = await doctor(config)
    expect(text).toContain(`FAIL  state directory: others can read ${directory}/agent.key; run chmod go=`)
    expect(text).toMatch(
      /^warn {2}spool: 1 files hold what could not be read: spool\.sqlite\.unreadable-1-1; look/m,
    )
    expect(text).toMatch(/^FAIL {2}clock: the collector is [89]\d{4} ms behind; set the clock/m)
    expect(isWell).toBe(false)
  })

  it('tells a new host what to do first', async () => {
    const config = configured({
      VOUCH_AGENT_COLLECTOR: 'localhost:1',
      VOUCH_AGENT_STATE_DIR: `${directory}/new`,
    })
    const { text, isWell } = await doctor(config)
    expect(text).toMatch(/^FAIL {2}enrolment: this host is not enrolled; set VOUCH_AGENT_TOKEN_FILE/m)
    expect(text).toMatch(/^FAIL {2}collector: UNAVAILABLE: .*; check VOUCH_AGENT_COLLECTOR/m)
    expect(isWell).toBe(false)
  })
})

it('a table of one look shows every meter of every source', async () => {
  const text = await lookOnce(configured())
  expect(text).toMatch(/^METER +VALUE +OF +RESOURCE$/m)
  expect(text).toMatch(/^host\.cpu\.used +\d+ +ms +host:[0-9a-f]{16}$/m)
  expect(text).toMatch(/^host\.memory\.held +\d+ +B +host:/m)
})
