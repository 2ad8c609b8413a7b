import { createHash } from 'node:crypto'

/** What happened, line by line; the same seed writes the same lines. */
export class Trace {
  readonly lines: string[] = []
  readonly #nowMs: () => number
  readonly #startMs: number

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
    this.#startMs = nowMs()
  }

  /** One line: seconds since the beginning, who, what. */
  note(who: string, what: string): void {
    const atMs = this.#nowMs() - this.#startMs
    this.lines.push(`${(atMs / 1000).toFixed(3).padStart(9)}  ${who.padEnd(14)} ${what}`)
  }

  /** SHA-256 of all lines, hexadecimal. */
  hash(): string {
    return createHash('sha256').update(this.lines.join('\n')).digest('hex')
  }
}
