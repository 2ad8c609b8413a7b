import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** How a standalone ended, and what it said. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A standalone as a real process. */
export interface Standalone {
  /** Resolves when it serves, with all that it said on both outputs. Rejects when it ends first. */
  ready(): Promise<string>
  /** Resolves when the process has ended. */
  readonly ended: Promise<Ended>
  kill(signal: NodeJS.Signals): void
}

const MAIN = fileURLToPath(import.meta.resolve('@vouch/standalone/main.ts'))
const LOOPBACK = { VOUCH_COLLECTOR_LISTEN: '127.0.0.1:0', VOUCH_BILLING_LISTEN: '127.0.0.1:0' }

/** Starts a standalone with only these settings, on free ports unless they say otherwise. */
export function startStandalone(
  settings: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Standalone {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
    env: { PATH: process.env['PATH'], ...LOOPBACK, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  const { promise: ended, resolve } = Promise.withResolvers<Ended>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (output.stderr += text))
  child.once('close', (code, signal) => resolve({ code, signal, ...output }))
  const ready = (): Promise<string> =>
    new Promise((serves, gone) => {
      // What is on standard output comes last, when everything runs and signals are heard.
      child.stdout.once('data', () => serves(output.stderr + output.stdout))
      child.once('close', () => gone(new Error(`the standalone ended before it was ready: ${output.stderr}`)))
    })
  return { ready, ended, kill: (signal) => void child.kill(signal) }
}
