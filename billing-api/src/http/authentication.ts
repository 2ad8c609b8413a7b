import type { FastifyRequest } from 'fastify'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { isUuid, uuidV7 } from '@vouch/proto/kernel/id.ts'
import { sha256 } from '@vouch/proto/seal/seal.ts'
import type { Chance } from '../ports.ts'
import { findApiKey, insertApiKey, endApiKey } from '../postgres/api-keys.ts'
import type { ApiKey, Scope } from '../postgres/api-keys.ts'
import { appendAudit } from '../postgres/audit.ts'
import type { Database } from '../postgres/database.ts'

const SECRET_BYTES = 32
const ID_BYTES = 10
const BEARER = /^Bearer (vouch_[A-Za-z0-9_-]{43})$/

/** What a new key may do and for how long. */
export interface ApiKeyRequest {
  readonly name: string
  readonly scopes: readonly Scope[]
  /** Absent = until revoked. */
  readonly expiresMs?: number | undefined
}

/** Makes a key. The secret is in the answer and nowhere else. */
export async function createApiKey(
  database: Database,
  chance: Chance,
  request: ApiKeyRequest,
): Promise<{ readonly id: string; readonly secret: string }> {
  const secret = `vouch_${Buffer.from(chance.random(SECRET_BYTES)).toString('base64url')}`
  const nowMs = chance.nowMs()
  const { name, scopes, expiresMs } = request
  const key: ApiKey = { id: uuidV7(nowMs, chance.random(ID_BYTES)), name, scopes, expiresMs }
  await database.transaction(async (sql) => {
    await insertApiKey(sql, key, hashOf(secret), nowMs)
    await appendAudit(sql, {
      atMs: nowMs,
      actor: 'operator',
      action: 'api-key.create',
      subject: key.id,
      detail: { name, scopes },
    })
  })
  return { id: key.id, secret }
}

/** Ends a key at once. Faults: NOT_FOUND. */
export async function revokeApiKey(database: Database, chance: Chance, id: string): Promise<void> {
  const nowMs = chance.nowMs()
  await database.transaction(async (sql) => {
    const ended = isUuid(id) && (await endApiKey(sql, id, nowMs))
    if (!ended) throwFault('NOT_FOUND', `there is no live key ${id}`)
    await appendAudit(sql, {
      atMs: nowMs,
      actor: 'operator',
      action: 'api-key.revoke',
      subject: id,
      detail: {},
    })
  })
}

/** The caller's key. Faults: UNAUTHENTICATED, FORBIDDEN where the key has not the scope. */
export async function authenticate(
  { database, chance }: { readonly database: Database; readonly chance: Chance },
  request: FastifyRequest,
  scope: Scope,
): Promise<ApiKey> {
  const secret = BEARER.exec(request.headers.authorization ?? '')?.[1]
  const key = secret === undefined ? undefined : await findApiKey(database, hashOf(secret), chance.nowMs())
  if (key === undefined) {
    return throwFault(
      'UNAUTHENTICATED',
      'send "Authorization: Bearer vouch_…" with a key that is neither expired nor revoked',
    )
  }
  if (!key.scopes.includes(scope)) throwFault('FORBIDDEN', `the key ${key.name} lacks the scope ${scope}`)
  return key
}

function hashOf(secret: string): Uint8Array {
  return sha256(new TextEncoder().encode(secret))
}
