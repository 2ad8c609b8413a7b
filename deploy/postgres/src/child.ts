import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Owner } from './owner.ts'

/**
 * The server must not outlive us, whatever ends us: the watcher holds the reading end of our pipe, and its end of
 * file, which even `kill -9` causes, is PostgreSQL's fast shutdown (SIGINT).
 */
const SUPERVISE = `
  exec 3<&0
  "$@" </dev/null &
  server=$!
  { read -r _ <&3; kill -INT $server; } 2>/dev/null &
  watcher=$!
  wait $server
  status=$?
  kill $watcher 2>/dev/null
  [ -z "$REMOVE" ] || rm -rf "$REMOVE"
  exit $status`

/** A running server program. */
export interface Child {
  /** Resolves at the first log line that matches, or with the reason of an early end. */
  seen(pattern: RegExp): Promise<{ ended: false } | { ended: true; log: string }>
  /** Asks for a fast shutdown and waits for the end. Safe to call twice. */
  stop(): Promise<void>
}

const LOG_TAIL_LINES = 40

/**
 * Starts a server program under supervision, away from the terminal's signals.
 *
 * @param options.onLog receives each line of the log.
 * @param options.remove a folder to remove when the program has ended.
 */
export function startChild(
  command: readonly string[],
  owner: Owner,
  options: {
    readonly onLog: ((line: string) => void) | undefined
    readonly remove: string | undefined
  },
): Child {
  const child = spawn('sh', ['-c', SUPERVISE, 'sh', ...command], {
    ...owner,
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], TZ: 'UTC', LC_ALL: 'C', REMOVE: options.remove },
  })
  const tail: string[] = []
  const listeners = new Set<(line: string) => void>()
  createInterface({ input: child.stderr }).on('line', (line) => {
    tail.push(line)
    if (tail.length > LOG_TAIL_LINES) tail.shift()
    for (const listener of listeners) listener(line)
    options.onLog?.(line)
  })
  child.stdin.on('error', () => {})
  const end = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      tail.push(error.message)
      resolve()
    })
    child.once('close', () => resolve())
  })
  return {
    seen: (pattern) =>
      new Promise((resolve) => {
        listeners.add((line) => {
          if (pattern.test(line)) resolve({ ended: false })
        })
        void end.then(() => resolve({ ended: true, log: tail.join('\n') }))
      }),
    stop: async () => {
      child.stdin.end()
      await end
    },
  }
}
