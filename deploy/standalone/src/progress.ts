import { performance } from 'node:perf_hooks'

/** Tells a person on standard error what is going on. */
export interface Progress {
  /** A step done, with the seconds since the start. */
  step(text: string): void
  /** A step that takes its time: rewritten in place on a terminal, left out elsewhere. */
  tick(text: string): void
}

/** Progress on standard error. */
export function progressOnStderr(): Progress {
  const terminal = process.stderr.isTTY
  const stamp = (): string => `${(performance.now() / 1000).toFixed(1).padStart(5)} s  `
  const clear = terminal ? '\r\x1b[2K' : ''
  return {
    step: (text) => void process.stderr.write(`${clear}${stamp()}${text}\n`),
    tick: (text) => void (terminal && process.stderr.write(`${clear}${stamp()}${text}`)),
  }
}

/** How a long piece of work tells where it is, and learns that it is to end. */
export interface Course {
  readonly progress: Progress
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly stopping: AbortSignal
}
