import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Fault, FaultCode } from '@vouch/proto/kernel/fault.ts'
import { sha256 } from '@vouch/proto/seal/seal.ts'
import type { Database } from '../spool/sqlite.ts'

/** Something that could not be accepted, and why. */
export interface Refusal {
  readonly fault: Fault
  /** The event, or the body of the request where no event could be read. */
  readonly body: Uint8Array
}

const ROWS_MAX = 1000
const BODY_BYTES_MAX = 16_384
const AGE_MAX_MS = 7 * 86_400_000

/** What was refused, kept for inspection: bounded in rows, octets and age; the same again is counted, not kept again. */
export class Quarantine {
  readonly #db: Database
  #codes: readonly string[] = []

  constructor(db: Database) {
    this.#db = db
    this.refresh()
  }

  /** Keeps refusals; to be called in a transaction. */
  keep(refusals: readonly Refusal[], nowMs: number): void {
    for (const { fault, body } of refusals.slice(-ROWS_MAX)) {
      const kept = body.subarray(0, BODY_BYTES_MAX)
      const { code, message, pointer = '' } = fault
      this.#db.run(
        `INSERT INTO quarantine (digest, first_ms, last_ms, times, code, pointer, message, body)
          VALUES (?, ?, ?, 1, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET last_ms = excluded.last_ms, times = times + 1`,
        sha256(Buffer.from(`${code} ${pointer} ${body.length} `), kept),
        nowMs,
        nowMs,
        code,
        pointer,
        message,
        kept,
      )
    }
    this.#db.run('DELETE FROM quarantine WHERE last_ms < ?', nowMs - AGE_MAX_MS)
    this.#db.run(
      'DELETE FROM quarantine WHERE digest IN (SELECT digest FROM quarantine ORDER BY last_ms DESC LIMIT -1 OFFSET ?)',
      ROWS_MAX,
    )
  }

  /** Looks again at what is kept, after a transaction. */
  refresh(): void {
    this.#codes = this.#db
      .all('SELECT DISTINCT code FROM quarantine ORDER BY code')
      .map((row) => row.text('code'))
  }

  /** One fault for each reason, however many events it kept out. */
  faults(): Fault[] {
    return this.#codes.map(
      (code) =>
        fail(
          code as FaultCode,
          `events were refused (${code}); the table quarantine of events.sqlite keeps them`,
          {
            pointer: 'VOUCH_AGENT_EVENTS_FILE',
          },
        ).fault,
    )
  }
}
