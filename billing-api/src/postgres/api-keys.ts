import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { Sql } from './database.ts'

/** What a key may do: look, prepare, issue, run the place. */
export type Scope = 'read' | 'write' | 'issue' | 'admin'

/** All scopes. */
export const SCOPES: readonly Scope[] = ['read', 'write', 'issue', 'admin']

/** A key without its secret. */
export interface ApiKey {
  readonly id: string
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly expiresMs: number | undefined
}

interface KeyRow {
  readonly id: string
  readonly name: string
  readonly scopes: string[]
  readonly expires_at: Date | null
}

/** Registers a key by the hash of its secret. */
export async function insertApiKey(
  sql: Sql,
  key: ApiKey,
  secretHash: Uint8Array,
  nowMs: number,
): Promise<void> {
  await sql.rows(
    `INSERT INTO billing.api_keys (id, name, secret_hash, scopes, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6)`,
    [
      key.id,
      key.name,
      secretHash,
      key.scopes,
      formatInstant(nowMs),
      key.expiresMs === undefined ? null : formatInstant(key.expiresMs),
    ],
  )
}

/** The key with this hash, unless expired or revoked. */
export async function findApiKey(
  sql: Sql,
  secretHash: Uint8Array,
  nowMs: number,
): Promise<ApiKey | undefined> {
  const [row] = await sql.rows<KeyRow>(
    `SELECT id, name, scopes, expires_at FROM billing.api_keys
     WHERE secret_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)`,
    [secretHash, formatInstant(nowMs)],
  )
  if (row === undefined) return undefined
  const scopes = SCOPES.filter((scope) => row.scopes.includes(scope))
  return { id: row.id, name: row.name, scopes, expiresMs: row.expires_at?.getTime() }
}

/** Ends a key. True where it was there and live. */
export async function endApiKey(sql: Sql, id: string, nowMs: number): Promise<boolean> {
  const rows = await sql.rows(
    'UPDATE billing.api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING id',
    [id, formatInstant(nowMs)],
  )
  return rows.length === 1
}
