import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'

/** When a program was killed and started again, epoch milliseconds. */
export interface Kill {
  /** SIGKILL was sent. */
  readonly sentMs: number
  /** The process was gone. */
  readonly endedMs: number
}

/** A real process that can be killed and started again under the same settings. */
export interface Program {
  readonly name: string
  start(): void
  /** SIGKILL, and the process is gone. */
  kill(): Promise<Kill>
  /** Any other signal. */
  signal(name: NodeJS.Signals): void
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>
  /** Exits that nobody asked for, with the last of what was printed. */
  readonly accidents: readonly string[]
}

const LOG_CHARACTERS_MAX = 4000

/** Describes a program; nothing runs before `start`. */
export function program(name: string, main: string, env: Readonly<Record<string, string>>): Program {
  const accidents: string[] = []
  let child: ChildProcess | undefined
  let asked = false
  let log = ''
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null)
      return child?.exitCode ?? null
    asked = true
    const { promise, resolve } = Promise.withResolvers<number | null>()
    child.once('exit', resolve)
    child.kill(signal)
    return promise
  }
  return {
    name,
    accidents,
    start() {
      asked = false
      log = ''
      const args = ['--disable-warning=ExperimentalWarning', main]
      const started = spawn(process.execPath, args, {
        env: { PATH: process.env['PATH'], ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const keep = (text: Buffer): void =>
        void (log = `${log}${text.toString('utf8')}`.slice(-LOG_CHARACTERS_MAX))
      started.stdout.on('data', keep)
      started.stderr.on('data', keep)
      started.once('exit', (code, signal) => {
        if (!asked) accidents.push(`${name} ended by itself (${signal ?? code}): ${log}`)
      })
      child = started
    },
    async kill() {
      const sentMs = Date.now()
      await end('SIGKILL')
      return { sentMs, endedMs: Date.now() }
    },
    signal: (signal) => void child?.kill(signal),
    stop: () => end('SIGTERM'),
  }
}
