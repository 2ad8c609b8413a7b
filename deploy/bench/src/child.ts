import { spawn } from 'node:child_process'
import type { Serializable } from 'node:child_process'
import { once } from 'node:events'
import { throwFault } from '@vouch/proto/kernel/fault.ts'

/** A program of ours, run as a process of its own. */
export interface Child {
  readonly pid: number
  /** Sends a message and waits for the one in answer. Throws UNAVAILABLE where the process ends instead. */
  ask(message: unknown): Promise<unknown>
  /** Rejects when the process ends, with the end of what it wrote; never resolves. */
  readonly failed: Promise<never>
  /** SIGTERM, then waits for the end. */
  stop(): Promise<void>
}

const LOG_CHARACTERS = 4_000

/** Starts a module with this Node. The environment holds no settings of Vouch but those given. */
export function startChild(module: string, settings: Readonly<Record<string, string>> = {}): Child {
  return startProgram(process.execPath, ['--disable-warning=ExperimentalWarning', module], settings)
}

/** Starts a program. The environment holds no settings of Vouch but those given. */
export function startProgram(
  program: string,
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Child {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('VOUCH_'))
  const name = args.at(-1) ?? program
  const child = spawn(program, args, {
    env: { ...Object.fromEntries(inherited), ...settings },
    // The embedded engine takes anything on standard input for rows of an insert.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  child.on('error', () => undefined)
  let log = ''
  for (const output of [child.stdout, child.stderr]) {
    output?.setEncoding('utf8').on('data', (text: string) => {
      log = `${log}${text}`.slice(-LOG_CHARACTERS)
    })
  }
  const ended = once(child, 'exit')
  const failed = ended.then(([code, signal]) =>
    throwFault('UNAVAILABLE', `${name} ended (${String(code ?? signal)}): ${log.trim()}`),
  )
  // It may end after everybody has stopped waiting for it.
  failed.catch(() => undefined)
  return {
    pid: child.pid ?? throwFault('UNAVAILABLE', `${name} does not start`),
    ask: async (message) => {
      const answered = once(child, 'message')
      child.send(message as Serializable)
      const [answer] = await Promise.race([answered, failed])
      return answer as unknown
    },
    failed,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      await ended
    },
  }
}
