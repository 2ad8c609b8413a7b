import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, readFileSync, readdirSync, rmdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { DEBIAN_ABSENT } from './debian-tree.ts'
import type { DebianTree } from './debian-tree.ts'
import { SYSTEM_PATH } from './tree.ts'

const run = promisify(execFile)
const BOOT = fileURLToPath(new URL('boot.sh', import.meta.url))
const PROGRAMS = ['/usr/lib/systemd/systemd', '/usr/bin/nsenter', '/usr/sbin/pivot_root']

/** What tests that boot a system lack here; empty = nothing. */
export const SYSTEM_ABSENT: string = DEBIAN_ABSENT || (PROGRAMS.find((path) => !existsSync(path)) ?? '')

/** A Debian tree in which systemd runs, with processes, mounts and control groups of its own. */
export class System {
  readonly #tree: DebianTree
  readonly #group: string
  readonly #process: ChildProcess
  #init = 0

  private constructor(tree: DebianTree, shared: string) {
    this.#tree = tree
    this.#group = basename(tree.root)
    // Without an id of the machine, systemd would take this for its first start and enable everything.
    tree.write('etc/machine-id', `${'0123456789abcdef'.repeat(2)}\n`)
    tree.folder('mnt')
    tree.folder('home')
    this.#process = spawn('sh', [BOOT, tree.root, this.#group, shared], {
      env: { PATH: SYSTEM_PATH },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
  }

  /** Boots a tree, which sees a folder of this machine at /mnt. */
  static async boot(tree: DebianTree, shared: string): Promise<System> {
    const system = new System(tree, shared)
    let said = ''
    system.#process.stderr?.on('data', (chunk) => void (said += String(chunk)))
    for (let tries = 0; !(await system.#isUp()); tries += 1) {
      if (tries > 300 || system.#process.exitCode !== null) {
        await system.stop()
        throw new Error(`systemd did not start: ${said}`)
      }
      await setTimeout(100)
    }
    return system
  }

  /** Runs a command in the system; its output without the last newline. Rejects where it fails. */
  async run(...command: readonly string[]): Promise<string> {
    const { stdout } = await run('nsenter', ['-t', String(this.#init), '-a', '-r', '-w', ...command], {
      env: { PATH: SYSTEM_PATH },
      timeout: 60_000,
    })
    return stdout.trim()
  }

  /** A property of a unit, as systemd has it. */
  property(unit: string, name: string): Promise<string> {
    return this.run('systemctl', 'show', '--value', '-p', name, unit)
  }

  /** Ends everything in it, and what it had of control groups. */
  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = once(this.#process, 'exit')
      // The end of its first process is the end of all.
      process.kill(this.#init || (this.#process.pid ?? 0), 'SIGKILL')
      await ended
    }
    for (const group of globSync(`/sys/fs/cgroup/{,*/}${this.#group}`)) removeGroup(group)
    this.#tree.remove()
  }

  async #isUp(): Promise<boolean> {
    // Before it becomes the parent of systemd, the script has other children.
    this.#init = childOf(this.#process.pid ?? 0)
    if (this.#init === 0) return false
    const state = await this.run('systemctl', 'is-system-running').catch(() => '')
    return state === 'running'
  }
}

/** The only child of a process; 0 = none yet. */
function childOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim())
  } catch {
    return 0
  }
}

function removeGroup(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroup(join(path, entry.name))
  rmdirSync(path)
}
