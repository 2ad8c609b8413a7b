import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createTestDatabase } from '@vouch/postgres'
import { publicKeyOf } from '@vouch/proto/seal/seal.ts'
import type { SpoolEnd } from './audit.ts'
import { program } from './program.ts'
import type { Program } from './program.ts'
import { startFrameProxy } from '../proxy/frame-proxy.ts'
import type { FrameProxy } from '../proxy/frame-proxy.ts'

/** An agent as a real process on a state directory of its own. */
export interface AgentInstallation {
  readonly agent: Program
  /** Resource of the host that it meters. */
  readonly resource: string
  readonly stateDirectory: string
  /** The agent's public key, once it has run. */
  readonly publicKey: () => Promise<Uint8Array>
  /** What the agent's spool says; the agent must have ended. */
  readonly spoolEnd: () => SpoolEnd
}

/** An agent and a collector as real processes on stores of their own. */
export interface Installation extends AgentInstallation {
  readonly collector: Program
  /** What stands between the two, where something does. */
  readonly proxy: FrameProxy | undefined
  /** Directory of the collector's embedded engine. */
  readonly engineDirectory: string
  dispose(): Promise<void>
}

const CADENCE_MS = '1000'
const STOP_TIMEOUT_MS = '60000'
const AGENT = fileURLToPath(import.meta.resolve('@vouch/agent/main.ts'))
/** Program of the collector. */
export const COLLECTOR = fileURLToPath(import.meta.resolve('@vouch/collector/main.ts'))

/**
 * Prepares directories, a database, a token and ports; nothing runs yet but PostgreSQL, and the proxy where it has a
 * seed.
 */
export async function install(proxySeed?: number): Promise<Installation> {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-chaos-'))
  const postgres = await createTestDatabase()
  const address = `127.0.0.1:${await freePort()}`
  const collectorEnv = {
    VOUCH_TLS: 'off',
    VOUCH_LOG_LEVEL: 'warn',
    VOUCH_DATA_DIR: join(directory, 'collector'),
    VOUCH_DATABASE_URL: postgres.url,
    VOUCH_COLLECTOR_LISTEN: address,
  }
  const proxy = proxySeed === undefined ? undefined : await startFrameProxy(address, proxySeed)
  const token = await createToken(collectorEnv)
  return {
    ...(await installAgent(directory, 'chaos', proxy?.address ?? address, token)),
    collector: program('vouch-collector', COLLECTOR, collectorEnv),
    proxy,
    engineDirectory: join(directory, 'collector', 'clickhouse'),
    dispose: async () => {
      proxy?.close()
      await postgres.dispose()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Prepares an agent that meters `host:NAME` at a cadence of a second. */
export async function installAgent(
  directory: string,
  name: string,
  address: string,
  token: string,
): Promise<AgentInstallation> {
  const resource = `host:${name}`
  const stateDirectory = join(directory, `agent-${name}`)
  const tokenFile = join(directory, `token-${name}`)
  await writeFile(tokenFile, token, { mode: 0o600 })
  const env = {
    VOUCH_TLS: 'off',
    VOUCH_LOG_LEVEL: 'warn',
    VOUCH_AGENT_STATE_DIR: stateDirectory,
    VOUCH_AGENT_COLLECTOR: address,
    VOUCH_AGENT_TOKEN_FILE: tokenFile,
    VOUCH_AGENT_RESOURCE: resource,
    // The machine's counters are those of /proc whatever container this runs in.
    VOUCH_AGENT_SCOPE: 'machine',
    VOUCH_AGENT_CADENCE_MS: CADENCE_MS,
    VOUCH_AGENT_BATCH_INTERVAL_MS: CADENCE_MS,
    VOUCH_AGENT_RETRY_BASE_MS: '50',
    VOUCH_AGENT_RETRY_MAX_MS: '500',
    VOUCH_AGENT_STOP_TIMEOUT_MS: STOP_TIMEOUT_MS,
  }
  return {
    agent: program('vouch-agent', AGENT, env),
    resource,
    stateDirectory,
    publicKey: async () => publicKeyOf(await readFile(join(stateDirectory, 'agent.key'))),
    spoolEnd: () => readSpool(join(stateDirectory, 'spool.sqlite')),
  }
}

/** An enrolment token, printed by the collector's own command. */
export async function createToken(env: Readonly<Record<string, string>>): Promise<string> {
  const args = ['--disable-warning=ExperimentalWarning', COLLECTOR, 'token', 'create']
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { PATH: process.env['PATH'], ...env },
  })
  return stdout
}

/** SQLite's own count of batches ever kept outlives their deletion. */
function readSpool(file: string): SpoolEnd {
  const spool = new DatabaseSync(file, { readOnly: true })
  try {
    const sealed = spool.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'batches'").get()?.['seq']
    const waiting = spool.prepare('SELECT count(*) AS waiting FROM batches').get()?.['waiting']
    const digest = spool.prepare("SELECT value FROM meta WHERE key = 'last_digest'").get()?.['value']
    const lastDigest = digest instanceof Uint8Array ? digest.toHex() : ''
    return { sealed: Number(sealed), waiting: Number(waiting), lastDigest }
  } finally {
    spool.close()
  }
}

/** A free port of loopback. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
