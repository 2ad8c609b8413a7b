import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SNMPD = '/usr/sbin/snmpd'

/** Passphrases of the user that the daemon knows. */
export const PASSPHRASES = { authPassphrase: 'authentic-1', privacyPassphrase: 'private-22' } as const

/** What a test with Debian's daemon lacks here; '' = nothing. */
export function absentOf(needsNamespaces: boolean): string {
  if (!existsSync(SNMPD)) return 'Debian package snmpd'
  if (!needsNamespaces) return ''
  if (process.getuid?.() !== 0) return 'root'
  const probe = `vouch-probe-${process.pid}`
  try {
    ip('netns', 'add', probe)
    ip('netns', 'delete', probe)
    return ''
  } catch {
    return 'the right to make network namespaces (Debian package iproute2)'
  }
}

/** Runs `ip` with the arguments. */
export function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: 'pipe', timeout: 10_000 })
}

/** Debian's SNMP daemon with a configuration, users and boots of its own. */
export class Snmpd {
  readonly #directory = mkdtempSync(join(tmpdir(), 'vouch-snmpd-'))
  readonly #namespace: string | undefined
  #process: ChildProcess | undefined

  /** Listens at `address`, in the network namespace, if any. */
  constructor(address: string, namespace?: string) {
    this.#namespace = namespace
    const lines = [
      `agentaddress udp:${address}`,
      'rocommunity public',
      ...['224', '256', '384', '512'].flatMap((bits) => [
        `createUser vouch${bits} SHA-${bits} "${PASSPHRASES.authPassphrase}" AES "${PASSPHRASES.privacyPassphrase}"`,
        `rouser vouch${bits} priv`,
      ]),
    ]
    writeFileSync(join(this.#directory, 'snmpd.conf'), `${lines.join('\n')}\n`)
  }

  /** Starts it; whether it answers is for the caller to find out. */
  start(): void {
    const own = [SNMPD, '-f', '-Le', '-p', join(this.#directory, 'pid')]
    const [program = '', ...args] =
      this.#namespace === undefined ? own : ['ip', 'netns', 'exec', this.#namespace, ...own]
    const kept = join(this.#directory, 'kept')
    const env = { ...process.env, SNMP_PERSISTENT_DIR: kept, SNMPCONFPATH: `${this.#directory}:${kept}` }
    this.#process = spawn(program, args, { env, stdio: 'ignore' })
  }

  /** Ends it as an operator would. */
  async stop(): Promise<void> {
    const running = this.#process
    this.#process = undefined
    if (running === undefined || running.exitCode !== null) return
    const ended = new Promise((resolve) => running.once('exit', resolve))
    running.kill('SIGTERM')
    await ended
  }

  /** Ends it and removes what it kept. */
  async dispose(): Promise<void> {
    await this.stop()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
