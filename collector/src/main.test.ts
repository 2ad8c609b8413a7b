import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTestDatabase } from '@vouch/postgres'
import type { TestDatabase } from '@vouch/postgres'
import { FaultError, unwrap } from '@vouch/proto/kernel/fault.ts'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clickhouseFactory } from './clickhouse/connect.ts'
import { createFleet } from './postgres/fleet.ts'
import { openPool } from './postgres/pool.ts'
import { TestConnection, enrolAgent } from './testing/test-agent.ts'
import type { TestAgent } from './testing/test-agent.ts'
import { SILENT } from './testing/test-collector.ts'

const MAIN = new URL('main.ts', import.meta.url).pathname
let directory: string
let postgres: TestDatabase
let pool: pg.Pool
const children: ChildProcess[] = []
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vouch-collector-main-'))
  postgres = await createTestDatabase()
  pool = openPool(postgres.url, SILENT)
})
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await pool.end()
  await postgres.dispose()
  await rm(directory, { recursive: true, force: true })
})

function launch(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
    env: {
      PATH: process.env['PATH'],
      VOUCH_COLLECTOR_LISTEN: '127.0.0.1:0',
      VOUCH_TLS: 'off',
      VOUCH_DATABASE_URL: postgres.url,
      VOUCH_DATA_DIR: directory,
      VOUCH_COLLECTOR_COMMIT_WAIT_MS: '5',
      ...env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  // The engine must not take this process's input for its own.
  child.stdin?.end('something that is not for the engine\n')
  children.push(child)
  return child
}

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = launch(args, env)
  let [stdout, stderr] = ['', '']
  child.stdout?.on('data', (chunk) => (stdout += chunk))
  child.stderr?.on('data', (chunk) => (stderr += chunk))
  const [code] = await once(child, 'close')
  return { code, stdout, stderr }
}

async function serve(): Promise<{ child: ChildProcess; address: string }> {
  const child = launch(['run'])
  const lines = createInterface({ input: child.stdout! })
  for await (const line of lines) {
    const { address } = JSON.parse(line)
    if (typeof address === 'string') return { child, address }
  }
  throw new Error('the collector ended before it listened')
}

/** Delivers what is not durable yet until the collector dies; returns the last sequence acknowledged. */
async function deliver(
  address: string,
  agent: TestAgent,
  batches: ReturnType<TestAgent['seal']>[],
): Promise<bigint> {
  let acknowledged = 0n
  const connection = new TestConnection(address, agent)
  try {
    acknowledged = await connection.hello()
    connection.declare(agent.stream)
    for (const signed of batches.slice(Number(acknowledged))) connection.batch(signed)
    for (;;) acknowledged = (await connection.receipt(acknowledged + 1n)).at(-1)!.sequence
  } catch (error) {
    if (!(error instanceof FaultError)) throw error
    return acknowledged
  } finally {
    connection.close()
  }
}

describe('the program', () => {
  it('killed at random moments, has every batch that it acknowledged, and each one once', async () => {
    let { child, address } = await serve()
    const agent = await enrolAgent(address, unwrap(await createFleet(pool).createToken({ ttlMs: 60_000 })))
    const startMs = Date.now() - 3_600_000
    const batches = Array.from({ length: 400 }, (_, index) =>
      agent.seal(
        [0, 1, 2].map((row) => ({ timeMs: startMs + index * 3 + row, register: BigInt(index * 3 + row) })),
      ),
    )
    let acknowledged = 0n
    for (let round = 0; round < 3; round++) {
      const delivery = deliver(address, agent, batches)
      await sleep(50 + Math.random() * 250)
      child.kill('SIGKILL')
      acknowledged = await delivery
      ;({ child, address } = await serve())
      const connection = new TestConnection(address, agent)
      expect(await connection.hello()).toBeGreaterThanOrEqual(acknowledged)
      connection.close()
    }
    const last = new TestConnection(address, agent)
    const durable = await last.hello()
    last.declare(agent.stream)
    for (const signed of batches.slice(Number(durable))) last.batch(signed)
    if (durable < 400n) await last.receipt(400n)
    last.close()
    child.kill('SIGTERM')
    expect((await once(child, 'exit'))[0]).toBe(0)
    const client = await clickhouseFactory({ clickhouseUrl: undefined, dataDir: directory })()
    const query = `SELECT (SELECT count() FROM vouch.readings_v1) AS readings, (SELECT count() FROM vouch.batches_v1) AS batches,
      (SELECT count() FROM vouch.quarantine) AS quarantined, (SELECT max(last_register) - min(first_register) FROM vouch.usage_hours_v1) AS usage
      SETTINGS output_format_json_quote_64bit_integers = 1`
    const rows = await (await client.query({ query, format: 'JSONEachRow' })).json()
    await client.close()
    expect(rows).toEqual([{ readings: '1200', batches: '400', quarantined: '0', usage: '1199' }])
  }, 60_000)

  it('DATA_DIRECTORY_LOCKED for a second one, DATA_DIRECTORY_UNWRITABLE, PORT_IN_USE', async () => {
    const other = await mkdtemp(join(tmpdir(), 'vouch-collector-other-'))
    const env = { VOUCH_DATA_DIR: other }
    const child = launch(['run'], env)
    const [line] = await once(createInterface({ input: child.stdout! }), 'line')
    const { address } = JSON.parse(line)
    const second = await run(['run'], env)
    expect(second).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^vouch-collector: DATA_DIRECTORY_LOCKED: .*process \d+/),
    })
    await writeFile(join(other, 'file'), '')
    const unwritable = await run(['run'], { VOUCH_DATA_DIR: join(other, 'file') })
    expect(unwritable).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('DATA_DIRECTORY_UNWRITABLE'),
    })
    const third = await mkdtemp(join(tmpdir(), 'vouch-collector-third-'))
    const taken = await run(['run'], { VOUCH_DATA_DIR: third, VOUCH_COLLECTOR_LISTEN: address })
    expect(taken).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^vouch-collector: PORT_IN_USE: .*EADDRINUSE/),
    })
    child.kill('SIGTERM')
    await once(child, 'exit')
    await Promise.all([other, third].map((path) => rm(path, { recursive: true })))
  })

  it.each<[readonly string[], number, RegExp]>([
    [['check-config'], 0, /valid/],
    [['migrate'], 0, /both schemas/],
    [['token', 'create', '--label', 'rack 7', '--ttl-ms', '60000'], 0, /^vouch_[\w-]{32}\n$/],
    [['agents', 'list'], 0, /^AGENT .*\n[0-9a-f]{32} {2}active .* host:test/],
    [['agents', 'list', '--state', 'revoked'], 0, /^$/],
    [['agents', 'list', '--silent', '--json'], 0, /^\[\]\n$/],
    [['agents', 'show', '00'.repeat(16)], 1, /AGENT_UNKNOWN/],
    [['quarantine', 'list'], 0, /^$/],
    [['quarantine', 'show', '00000000-0000-8000-8000-000000000000'], 1, /NOT_FOUND/],
    [['audit', 'close'], 0, /^no day is due$/m],
    [['audit', 'days'], 0, /^no day is closed yet: /],
    [['audit', 'check', '--readings'], 0, /^400 batches: .*\n0 days: .*\n1200 readings are what/],
    [['audit', 'export'], 0, /"format": "vouch\.audit\.days\.v1"/],
    [['audit', 'check', '--against', '/nowhere'], 2, /cannot read \/nowhere/],
    [['agents', 'revoke', '00'.repeat(16), '--reason', 'x'], 1, /AGENT_UNKNOWN/],
    [['fly'], 2, /--help/],
  ])('%s', async (args, code, says) => {
    const { stdout, stderr, code: got } = await run(args)
    expect(code === 0 ? stdout : stderr).toMatch(says)
    expect(got).toBe(code)
  })
})
