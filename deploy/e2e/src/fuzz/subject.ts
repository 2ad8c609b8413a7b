import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createFleet } from '@vouch/collector/postgres/fleet.ts'
import { openPool } from '@vouch/collector/postgres/pool.ts'
import { enrolAgent } from '@vouch/collector/testing/test-agent.ts'
import type { TestAgent } from '@vouch/collector/testing/test-agent.ts'
import { createTestDatabase } from '@vouch/postgres'
import { unwrap } from '@vouch/proto/kernel/fault.ts'

/** A collector in a process of its own, on stores of its own, that is to be mistreated. */
export interface Subject {
  readonly address: string
  enrol(): Promise<TestAgent>
  /** Memory of the process now, MiB. */
  memoryMib(): number
  /** The most that it ever had, MiB. */
  peakMemoryMib(): number
  /** Files and sockets that the process has open. */
  openDescriptors(): number
  /** Exit code or signal, once it has ended. */
  ended(): number | string | undefined
  /** SIGTERM; gives the exit code. */
  stop(): Promise<number | null>
  /** The embedded engine's directory. */
  readonly dataDirectory: string
  dispose(): Promise<void>
}

const PROGRAM = fileURLToPath(import.meta.resolve('@vouch/collector/main.ts'))
const SILENT = { debug: ignore, info: ignore, warn: ignore, error: ignore }
const TOKEN_TTL_MS = 600_000
const KIB_PER_MIB = 1024

/** Starts one. */
export async function startSubject(env: Readonly<Record<string, string>> = {}): Promise<Subject> {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-subject-'))
  const postgres = await createTestDatabase()
  const dataDirectory = join(directory, 'data')
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', PROGRAM, 'run'], {
    env: {
      PATH: process.env['PATH'],
      VOUCH_TLS: 'off',
      VOUCH_COLLECTOR_LISTEN: '127.0.0.1:0',
      VOUCH_DATABASE_URL: postgres.url,
      VOUCH_DATA_DIR: dataDirectory,
      VOUCH_COLLECTOR_COMMIT_WAIT_MS: '50',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let ended: number | string | undefined
  child.once('exit', (code, signal) => (ended = signal ?? code ?? 0))
  const lines = createInterface({ input: child.stdout })
  const address = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the collector ended with ${code} before it listened`)))
    lines.on('line', (line) => {
      const said = JSON.parse(line) as { readonly address?: string }
      if (said.address !== undefined) resolve(said.address)
    })
  })
  const pool = openPool(postgres.url, SILENT)
  const fleet = createFleet(pool)
  const stop = async (): Promise<number | null> => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    await exit
    return child.exitCode
  }
  return {
    address,
    dataDirectory,
    enrol: async () => enrolAgent(address, unwrap(await fleet.createToken({ ttlMs: TOKEN_TTL_MS }))),
    memoryMib: () => statusOf(child.pid, 'VmRSS'),
    peakMemoryMib: () => statusOf(child.pid, 'VmHWM'),
    openDescriptors: () => readdirSync(`/proc/${child.pid}/fd`).length,
    ended: () => ended,
    stop,
    dispose: async () => {
      child.removeAllListeners('exit')
      await stop()
      await pool.end()
      await postgres.dispose()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** A line of the kernel's account of a process, MiB. Source: proc_pid_status(5). */
function statusOf(pid: number | undefined, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) / KIB_PER_MIB)
}

function ignore(): void {}
