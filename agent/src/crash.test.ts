import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { epochsOf, startFakeCollector } from './testing/fake-collector.ts'
import type { FakeCollector } from './testing/fake-collector.ts'

const KILLS = 5
const PATIENCE_MS = 15_000

let directory = ''
let fake: FakeCollector
let child: ChildProcess | undefined

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vouch-crash-'))
  fake = await startFakeCollector()
})
afterAll(async () => {
  child?.kill('SIGKILL')
  await fake.stop()
  rmSync(directory, { recursive: true })
})

function start(): ChildProcess {
  writeFileSync(join(directory, 'token'), 'good\n')
  return spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'main.ts')],
    {
      stdio: 'ignore',
      env: {
        PATH: process.env['PATH'],
        VOUCH_AGENT_STATE_DIR: join(directory, 'state'),
        VOUCH_AGENT_TOKEN_FILE: join(directory, 'token'),
        VOUCH_AGENT_COLLECTOR: fake.address,
        VOUCH_AGENT_RETRY_BASE_MS: '10',
        VOUCH_TLS: 'off',
        VOUCH_AGENT_CADENCE_MS: '100',
        VOUCH_AGENT_BATCH_INTERVAL_MS: '100',
      },
    },
  )
}

async function ended(process: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const { promise, resolve } = Promise.withResolvers<number | null>()
  process.once('exit', resolve)
  process.kill(signal)
  return promise
}

it(
  'killed at any moment, it loses no counter, breaks no chain and repeats no sequence',
  { timeout: 90_000 },
  async () => {
    for (let kill = 0; kill < KILLS; kill += 1) {
      const arrived = fake.arrived.length
      child = start()
      await vi.waitFor(() => expect(fake.arrived.length).toBeGreaterThan(arrived + 2), PATIENCE_MS)
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 150))
      await ended(child, 'SIGKILL')
    }
    const arrived = fake.arrived.length
    child = start()
    await vi.waitFor(() => expect(fake.arrived.length).toBeGreaterThan(arrived + 2), PATIENCE_MS)
    expect(await ended(child, 'SIGTERM')).toBe(0)

    const batches = new Map(fake.arrived.map((batch) => [batch.digest.toHex(), batch.header]))
    const places = [...batches.values()].map(({ runId, sequence }) => `${runId.toHex()} ${sequence}`)
    expect(new Set(places).size).toBe(batches.size)
    const links = [...batches.values()].map(({ previousDigest }) => previousDigest.toHex())
    expect(new Set(links).size).toBe(batches.size)
    expect(links.filter((link) => !batches.has(link))).toEqual([''])
    expect(new Set([...batches.values()].map(({ runId }) => runId.toHex())).size).toBe(KILLS + 1)
    expect([...batches.values()].filter(({ final }) => final)).toHaveLength(1)

    const epochs = epochsOf(fake).map((each) => ({ ...each, name: `${each.resource} ${each.meter}` }))
    const counters = epochs.filter(({ meter }) =>
      /cpu\.(used|steal)|uptime|received|disk\.(read|written)/.test(meter),
    )
    expect(counters.length).toBeGreaterThan(3)
    // One epoch per counter: its usage is last − first over every kill.
    expect(new Set(counters.map(({ name }) => name)).size).toBe(counters.length)
    const uptime = counters.find(({ meter }) => meter.endsWith('host.uptime'))
    const [times, registers] = [[...(uptime?.readings.keys() ?? [])], [...(uptime?.readings.values() ?? [])]]
    const elapsedMs = Number((times.at(-1) ?? 0n) - (times[0] ?? 0n))
    const counted = Number((registers.at(-1) ?? 0n) - (registers[0] ?? 0n))
    expect(Math.abs(counted - elapsedMs / 1000)).toBeLessThan(1.5)
    const gauges = epochs.filter(({ meter }) => meter.endsWith('host.memory.held'))
    expect(gauges).toHaveLength(KILLS + 1)
  },
)
