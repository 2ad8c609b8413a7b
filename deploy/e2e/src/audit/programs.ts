import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** How a program ended, and what it printed. */
export interface Printed {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Entry points of the programs of an auditor. */
const MAIN = {
  'vouch-collector': fileURLToPath(import.meta.resolve('@vouch/collector/main.ts')),
  'vouch-verify': fileURLToPath(import.meta.resolve('@vouch/rating/verify-main.ts')),
} as const

/** Runs a program to its end with nothing but these settings. */
export async function runProgram(
  name: keyof typeof MAIN,
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<Printed> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN[name], ...args], {
    env: { PATH: process.env['PATH'], ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (output.stderr += text))
  const { promise, resolve } = Promise.withResolvers<number | null>()
  child.once('close', resolve)
  return { code: await promise, ...output }
}
