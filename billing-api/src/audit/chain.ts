import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { canonicalJson } from '@vouch/proto/kernel/json.ts'
import type { JsonObject } from '@vouch/proto/kernel/json.ts'
import { sha256 } from '@vouch/proto/seal/seal.ts'

/** Who did what to what. */
export interface Deed {
  readonly atMs: number
  /** Id of the API key, or the program's name. */
  readonly actor: string
  /** Verb and noun, as in `invoice.issue`. */
  readonly action: string
  /** Id of the thing. */
  readonly subject: string
  readonly detail: JsonObject
}

/** A place in the log. */
export interface Link {
  /** Counts from 1 without gaps. */
  readonly sequence: bigint
  /** SHA-256 of the row before, then of the record. */
  readonly hash: Uint8Array
}

/** A row of the log: its hash covers every row before it. */
export interface AuditRow extends Link {
  readonly record: string
  readonly previous: Uint8Array
}

/** The link before the first row. */
export const GENESIS: Link = { sequence: 0n, hash: sha256(new TextEncoder().encode('vouch/audit/v1')) }

/** The row that follows the last one. */
export function follow(last: Link, deed: Deed): AuditRow {
  const sequence = last.sequence + 1n
  const { atMs, ...rest } = deed
  const record = canonicalJson({ ...rest, at: formatInstant(atMs), sequence: `${sequence}` })
  return { sequence, record, previous: last.hash, hash: sha256(last.hash, new TextEncoder().encode(record)) }
}
