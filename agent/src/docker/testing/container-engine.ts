import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  rmdirSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

const DOCKERD = '/usr/sbin/dockerd'
const DOCKER = '/usr/bin/docker'
const BUSYBOX = '/bin/busybox'
const IMAGE = 'busybox'

/** What tests with an engine of their own lack here; empty = nothing. */
export const ENGINE_ABSENT: string =
  process.getuid?.() === 0
    ? ([DOCKERD, DOCKER, BUSYBOX].find((path) => !existsSync(path)) ?? '')
    : 'the right to run a container engine'

/** Runs a command of the client on the engine behind a socket; its output without the last newline. */
export async function dockerAt(socket: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run(DOCKER, ['-H', `unix://${socket}`, ...args], { timeout: 60_000 })
  return stdout.trim()
}

/** A container engine that a test has to itself. */
export class ContainerEngine {
  /** Path of the group above its containers. */
  readonly parent: string
  readonly socket: string
  readonly #folder: string
  #daemon: ChildProcess | undefined

  private constructor(folder: string) {
    this.#folder = folder
    this.socket = join(folder, 'docker.sock')
    this.parent = `/${basename(folder)}`
  }

  /** Starts one with an image of busybox. */
  static async start(): Promise<ContainerEngine> {
    const engine = new ContainerEngine(mkdtempSync(join(tmpdir(), 'vd-')))
    await engine.run()
    await engine.#import()
    return engine
  }

  /** Starts the daemon, and waits until it answers. */
  async run(): Promise<void> {
    const folder = this.#folder
    const log = openSync(join(folder, 'log'), 'a')
    const paths = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')]
    const where = ['-H', `unix://${this.socket}`, '-p', join(folder, 'pid'), '--cgroup-parent', this.parent]
    const nets = ['--iptables=false', '--ip6tables=false', '--bridge=none']
    this.#daemon = spawn(DOCKERD, [...paths, ...where, ...nets], { stdio: ['ignore', log, log] })
    for (let tries = 0; !(await this.#answers()); tries += 1) {
      if (tries > 300 || this.#daemon.exitCode !== null)
        throw new Error(`dockerd did not start; see ${folder}/log`)
      await setTimeout(100)
    }
  }

  /** Runs a command of the client; its output without the last newline. */
  docker(...args: readonly string[]): Promise<string> {
    return dockerAt(this.socket, ...args)
  }

  /** Starts a container that runs a script of the shell; its id. */
  script(text: string, ...args: readonly string[]): Promise<string> {
    const network = args.includes('--network') ? [] : ['--network', 'none']
    return this.docker('run', '-d', ...network, ...args, IMAGE, 'sh', '-c', text)
  }

  /** Ends the daemon; containers end with it. */
  async end(): Promise<void> {
    const daemon = this.#daemon
    if (daemon === undefined || daemon.exitCode !== null) return
    daemon.kill('SIGTERM')
    await once(daemon, 'exit')
  }

  /** Ends the daemon and removes what it had. */
  async stop(): Promise<void> {
    if (await this.#answers()) {
      const ids = (await this.docker('ps', '-aq')).split('\n')
      if (ids[0] !== '') await this.docker('rm', '-f', ...ids)
      await this.docker('network', 'prune', '-f')
    }
    await this.end()
    // Where a container had the host's network, the daemon leaves its name behind, mounted.
    for (const name of globSync(join(this.#folder, 'exec/netns/*'))) await run('umount', [name])
    rmSync(this.#folder, { recursive: true, force: true })
    for (const group of globSync(`/sys/fs/cgroup/{,*/}${this.parent.slice(1)}`)) rmdirSync(group)
  }

  #answers(): Promise<boolean> {
    return this.docker('version', '-f', '{{.Server.Version}}').then(
      () => true,
      () => false,
    )
  }

  async #import(): Promise<void> {
    const tree = join(this.#folder, 'tree')
    mkdirSync(join(tree, 'bin'), { recursive: true })
    cpSync(BUSYBOX, join(tree, 'bin/busybox'), { dereference: true })
    for (const name of ['sh', 'cat', 'grep', 'sleep']) symlinkSync('busybox', join(tree, 'bin', name))
    const archive = join(this.#folder, 'tree.tar')
    await run('tar', ['-C', tree, '-cf', archive, '.'])
    await this.docker('import', archive, IMAGE)
  }
}
