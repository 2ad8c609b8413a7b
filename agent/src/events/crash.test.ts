import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { BATCH, postTo } from '../testing/events-host.ts'
import { epochsOf, startFakeCollector } from '../testing/fake-collector.ts'
import type { FakeCollector } from '../testing/fake-collector.ts'

const KILLS = 4
const PATIENCE_MS = 20_000
const PER_BATCH = 20

let directory = ''
let fake: FakeCollector
const children = new Set<ChildProcess>()
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vouch-killed-'))
  writeFileSync(join(directory, 'token'), 'good\n')
  writeFileSync(
    join(directory, 'events.yaml'),
    "events: { call: { meter: api.calls, unit: '1', service: api } }\n",
  )
  fake = await startFakeCollector()
})
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await fake.stop()
  rmSync(directory, { recursive: true })
})

type Where = { readonly socketPath: string } | { readonly port: number }

/** Starts an agent and settles when it takes events. */
async function start(
  name: string,
  listen: string,
  cadenceMs: number,
): Promise<{ child: ChildProcess; where: Where }> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, '..', 'main.ts')],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env['PATH'],
        VOUCH_AGENT_STATE_DIR: join(directory, name),
        VOUCH_AGENT_RESOURCE: `host:${name}`,
        VOUCH_AGENT_TOKEN_FILE: join(directory, 'token'),
        VOUCH_AGENT_COLLECTOR: fake.address,
        VOUCH_AGENT_RETRY_BASE_MS: '10',
        VOUCH_TLS: 'off',
        VOUCH_AGENT_SOURCES: 'events',
        VOUCH_AGENT_EVENTS_FILE: join(directory, 'events.yaml'),
        VOUCH_AGENT_EVENTS_LISTEN: listen,
        VOUCH_AGENT_CADENCE_MS: `${cadenceMs}`,
        VOUCH_AGENT_BATCH_INTERVAL_MS: `${cadenceMs}`,
      },
    },
  )
  children.add(child)
  const { promise, resolve } = Promise.withResolvers<string>()
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    const address = /"address":"([^"]+)"/.exec(text)?.[1]
    if (address !== undefined) resolve(address)
  })
  const address = await promise
  const isPath = address.startsWith('unix:')
  return { child, where: isPath ? { socketPath: address.slice(5) } : { port: Number(address.split(':')[1]) } }
}

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const { promise, resolve } = Promise.withResolvers<number | null>()
  child.once('exit', resolve)
  child.kill(signal)
  return promise
}

/** Posts batches until it is told to stop; returns the first numbers of those that had no answer. */
async function load(where: Where, numbers: () => number, signal: AbortSignal): Promise<number[]> {
  const lost: number[] = []
  while (!signal.aborted) {
    const first = numbers()
    const answered = await send(where, first)
    if (answered === undefined) lost.push(first)
  }
  return lost
}

async function send(where: Where, first: number): Promise<number | undefined> {
  const time = new Date().toISOString()
  const events = Array.from({ length: PER_BATCH }, (_, index) => {
    return { specversion: '1.0', id: `${first + index}`, source: '/test', type: 'call', time }
  })
  try {
    const { status, body } = await postTo(where, JSON.stringify(events), { 'content-type': BATCH })
    expect(status).toBe(200)
    return Number(body['counted'])
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined
    throw error
  }
}

it.each(['unix', 'tcp'])(
  'killed at any moment while events arrive by %s, it bills each of them once',
  { timeout: 120_000 },
  async (name) => {
    const listen = name === 'unix' ? `unix:${join(directory, 'events.sock')}` : '127.0.0.1:0'
    let next = 0
    const numbers = (): number => (next += PER_BATCH)
    let unanswered: number[] = []
    // Twice it is killed before any look has seen what was answered, then between looks.
    for (let kill = 0; kill < KILLS; kill += 1) {
      const { child, where } = await start(name, listen, kill < 2 ? 60_000 : 100)
      for (const first of unanswered) expect(await send(where, first)).toBeDefined()
      const stop = new AbortController()
      const loads = [1, 2, 3].map(() => load(where, numbers, stop.signal))
      await setTimeout(200 + Math.random() * 300)
      const exit = ended(child, 'SIGKILL')
      await setTimeout(5)
      stop.abort()
      unanswered = (await Promise.all(loads)).flat()
      await exit
    }
    const { child, where } = await start(name, listen, 100)
    for (const first of unanswered) await send(where, first)
    for (let first = PER_BATCH; first <= next; first += 10 * PER_BATCH)
      expect(await send(where, first)).toBe(0)
    expect(next).toBeGreaterThan(10 * PER_BATCH)
    const epochs = () => epochsOf(fake).filter(({ resource }) => resource.startsWith(`host:${name}/`))
    const billed = () => {
      const registers = [...(epochs()[0]?.readings.values() ?? [])]
      return (registers.at(-1) ?? 0n) - (registers[0] ?? 0n)
    }
    await vi.waitFor(() => expect(billed()).toBe(BigInt(next)), PATIENCE_MS)
    expect(await ended(child, 'SIGTERM')).toBe(0)
    expect(billed()).toBe(BigInt(next))
    expect(epochs().map(({ meter, resource }) => `${meter} ${resource}`)).toEqual([
      `api.calls host:${name}/service:api`,
    ])
  },
)
