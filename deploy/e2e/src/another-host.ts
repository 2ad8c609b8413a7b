import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startStandalone } from './standalone-process.ts'
import type { Standalone } from './standalone-process.ts'

const AGENT = fileURLToPath(import.meta.resolve('@vouch/agent/main.ts'))
const HOUR_MS = 3_600_000

/** What is not the usual of an installation and of the host beside it. */
export interface HostOptions {
  /** Of the standalone. */
  readonly installation?: Readonly<Record<string, string>>
  /** Of the agent, beside what the README says; its resource at least. */
  readonly agent: Readonly<Record<string, string>>
  /** Runs the agent's commands: `ip netns exec …`. */
  readonly within?: readonly string[]
}

/** An installation, and an agent beside it that was given nothing but a token and the authority's certificate. */
export class AnotherHost {
  readonly #directory: string
  readonly #vouch: Standalone
  readonly #api: string
  readonly #env: NodeJS.ProcessEnv
  readonly #within: readonly string[]
  #metering: ChildProcess | undefined

  private constructor(directory: string, vouch: Standalone, said: string, { agent, within }: HostOptions) {
    const told = (pattern: RegExp): string => pattern.exec(said)?.[1] ?? ''
    this.#directory = directory
    this.#vouch = vouch
    this.#api = told(/REST API on (\S+)/)
    this.#within = within ?? []
    this.#env = {
      PATH: process.env['PATH'],
      VOUCH_AGENT_COLLECTOR: told(/agents connect to\s+([^\s,]+)/),
      VOUCH_TLS_CA_FILE: 'tls-ca.pem',
      VOUCH_AGENT_STATE_DIR: './agent-state',
      VOUCH_AGENT_TOKEN_FILE: './token',
      ...agent,
    }
    mkdirSync(this.#host)
    writeFileSync(join(this.#host, 'token'), told(/token for one agent\s+(\S+)/), { mode: 0o600 })
    copyFileSync(join(this.#installation, 'tls-ca.pem'), join(this.#host, 'tls-ca.pem'))
  }

  /** Starts the installation. */
  static async start(options: HostOptions): Promise<AnotherHost> {
    const directory = mkdtempSync(join(tmpdir(), 'vouch-another-'))
    // PostgreSQL refuses to run as root: the account that runs it instead has to get in.
    chmodSync(directory, 0o755)
    const settings = { VOUCH_DATA_DIR: join(directory, 'installation'), ...options.installation }
    const vouch = startStandalone(settings)
    return new AnotherHost(directory, vouch, await vouch.ready(), options)
  }

  /** Runs a command of the agent; what it prints. */
  agent(...args: readonly string[]): string {
    const [program = '', ...rest] = [...this.#within, process.execPath, AGENT, ...args]
    const options = { cwd: this.#host, env: this.#env, encoding: 'utf8', timeout: 30_000 } as const
    return execFileSync(program, rest, options)
  }

  /** Has the agent meter from now on. */
  meter(): void {
    const [program, ...rest] = [...this.#within, process.execPath, AGENT]
    this.#metering = spawn(program, rest, { cwd: this.#host, env: this.#env, stdio: 'ignore' })
  }

  /** Ends the agent as an operator would. */
  async stop(): Promise<void> {
    if (this.#metering?.exitCode !== null) return
    const ended = once(this.#metering, 'exit')
    this.#metering.kill('SIGTERM')
    await ended
  }

  /** What the API says that a resource, and what is below it, used within the hour, by meter. */
  async usage(resource: string): Promise<ReadonlyMap<string, bigint>> {
    const from = new Date(Date.now() - HOUR_MS).toISOString()
    const query = new URLSearchParams({ resource, from, to: new Date().toISOString() })
    const key = readFileSync(join(this.#installation, 'api-key'), 'utf8').trim()
    const headers = { Authorization: `Bearer ${key}` }
    const response = await fetch(`${this.#api}/v1/usage?${query.toString()}`, { headers })
    if (response.status !== 200) throw new Error(`the API answers ${response.status}`)
    const { meters = [] } = (await response.json()) as { meters?: { meter: string; quantity: string }[] }
    return new Map(meters.map(({ meter, quantity }) => [meter, BigInt(quantity)]))
  }

  async dispose(): Promise<void> {
    await this.stop()
    this.#vouch.kill('SIGKILL')
    await this.#vouch.ended
    rmSync(this.#directory, { recursive: true, force: true })
  }

  get #installation(): string {
    return join(this.#directory, 'installation')
  }

  get #host(): string {
    return join(this.#directory, 'host')
  }
}
