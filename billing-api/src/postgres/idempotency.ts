import { equalBytes } from '@vouch/proto/kernel/bytes.ts'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { Sql } from './database.ts'

/** A write as its sender names it. */
export interface RequestId {
  readonly apiKey: string
  /** The header Idempotency-Key. */
  readonly key: string
  /** SHA-256 over method, path and body. */
  readonly bodyHash: Uint8Array
}

/** An answer that was given. */
export interface Answer {
  readonly status: number
  /** JSON text. */
  readonly response: string
}

/**
 * The answer that this request got before, or undefined where it is new; then nobody else runs it until the
 * transaction ends. Faults: IDEMPOTENCY_IN_PROGRESS, IDEMPOTENCY_MISMATCH.
 */
export async function recall(sql: Sql, request: RequestId): Promise<Answer | undefined> {
  // Before the lock as well: two that ask for an answer given long ago must not take each other for the work.
  const earlier = await find(sql, request)
  if (earlier !== undefined) return earlier
  const [lock] = await sql.rows<{ taken: boolean }>(
    'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 1)) AS taken',
    [`${request.apiKey}:${request.key}`],
  )
  if (lock?.taken !== true) {
    throwFault(
      'IDEMPOTENCY_IN_PROGRESS',
      'the same request is still running; wait a moment and send it again',
    )
  }
  return find(sql, request)
}

async function find(sql: Sql, request: RequestId): Promise<Answer | undefined> {
  const [row] = await sql.rows<Answer & { body_hash: Buffer }>(
    'SELECT body_hash, status, response FROM billing.idempotency_keys WHERE api_key_id = $1 AND key = $2',
    [request.apiKey, request.key],
  )
  if (row === undefined) return undefined
  if (!equalBytes(row.body_hash, request.bodyHash)) {
    throwFault('IDEMPOTENCY_MISMATCH', 'this Idempotency-Key came with another request; use a new key')
  }
  return { status: row.status, response: row.response }
}

/** How long an answer is kept; a request sent again after that is a new one. */
const RETENTION_MS = 30 * 24 * 3_600_000
/** Each write clears away a few old answers, so that their number follows the traffic. */
const CLEARED_MAX = 10

/** Keeps an answer, in the transaction of the write itself. */
export async function remember(sql: Sql, request: RequestId, answer: Answer, nowMs: number): Promise<void> {
  await sql.rows('INSERT INTO billing.idempotency_keys VALUES ($1, $2, $3, $4, $5, $6)', [
    request.apiKey,
    request.key,
    request.bodyHash,
    answer.status,
    answer.response,
    formatInstant(nowMs),
  ])
  await sql.rows(
    `DELETE FROM billing.idempotency_keys WHERE (api_key_id, key) IN (
       SELECT api_key_id, key FROM billing.idempotency_keys WHERE created_at < $1
       ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
    [formatInstant(Math.max(0, nowMs - RETENTION_MS)), CLEARED_MAX],
  )
}
