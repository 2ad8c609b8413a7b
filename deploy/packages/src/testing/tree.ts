import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { librariesOf } from '../executable.ts'

const UNSHARE = '/usr/bin/unshare'
const CHROOT = '/usr/sbin/chroot'

/** Where the administrator's programs are; the PATH of other users lacks some on Debian. */
export const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin'

/** What tests in a tree of their own lack here; empty = nothing. */
export const TREE_ABSENT: string =
  process.getuid?.() === 0
    ? ([UNSHARE, CHROOT, '/bin/mount', '/usr/bin/ldd'].find((path) => !existsSync(path)) ?? '')
    : 'the right to change the root of a process'

/** How a command ended. */
export interface Outcome {
  readonly code: number | string
  readonly stdout: string
  readonly stderr: string
}

/** The file tree of a machine that has nothing but what is put there. */
export class Tree {
  readonly root = mkdtempSync(join(tmpdir(), 'vouch-tree-'))

  constructor() {
    chmodSync(this.root, 0o755)
    for (const folder of ['proc', 'tmp', 'etc', 'usr/bin', 'var/lib']) this.folder(folder)
  }

  folder(path: string, owner = 0, mode = 0o755): void {
    mkdirSync(join(this.root, path), { recursive: true })
    chmodSync(join(this.root, path), mode)
    chownSync(join(this.root, path), owner, owner)
  }

  write(path: string, text: string, owner = 0): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true })
    writeFileSync(join(this.root, path), text)
    chownSync(join(this.root, path), owner, owner)
  }

  /** Puts an executable there, and the libraries that it loads. */
  async addExecutable(file: string, path: string): Promise<void> {
    cpSync(file, join(this.root, path))
    for (const library of await librariesOf(file)) {
      mkdirSync(join(this.root, dirname(library)), { recursive: true })
      cpSync(realpathSync(library), join(this.root, library))
    }
  }

  /** Runs a command there to its end. Its environment is `env` and nothing else. */
  run(command: readonly string[], env: Readonly<Record<string, string>> = {}, user = 0): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    const [program, args] = this.#enter(command, user)
    execFile(program, args, { env, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? String(error.signal)), stdout, stderr })
    })
    return promise
  }

  /** Starts a command there; signals reach it. */
  start(command: readonly string[], env: Readonly<Record<string, string>> = {}, user = 0): ChildProcess {
    const [program, args] = this.#enter(command, user)
    return spawn(program, args, { env, stdio: 'inherit' })
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true })
  }

  /** What it mounts ends with the process: the mount namespace is its own. */
  #enter(command: readonly string[], user: number): [string, string[]] {
    const script = `/bin/mount -t proc proc "$0/proc" && exec ${CHROOT} --userspec=${user}:${user} "$0" "$@"`
    return [UNSHARE, ['--mount', '/bin/sh', '-c', script, this.root, ...command]]
  }
}
