import { Type } from '@fastify/type-provider-typebox'
import type { Static, TProperties, TSchema } from '@fastify/type-provider-typebox'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Scope } from '../postgres/api-keys.ts'
import type { Sql } from '../postgres/database.ts'
import { decodeCursor, encodeCursor } from '../postgres/page.ts'
import type { Page, PageRequest } from '../postgres/page.ts'
import { read } from './operation.ts'
import type { Operation } from './operation.ts'
import { PageReply } from './schemas.ts'

/** A listing by a key that only grows, so that pages neither repeat nor skip what was there before. */
interface Listing<Q extends TProperties, T, R extends TSchema> {
  readonly id: string
  readonly path: string
  readonly scope?: Scope
  readonly summary: string
  /** Filters. */
  readonly query?: Q
  readonly item: R
  /** What a key looks like; anything else in a cursor is refused. */
  readonly key: RegExp
  readonly page: (
    sql: Sql,
    request: PageRequest,
    filters: Readonly<Record<string, string | undefined>>,
  ) => Promise<Page<T>>
  readonly view: (value: T) => Static<R>
}

/** Keys of what people name. */
export const SLUG_KEY = /^[a-z0-9][a-z0-9._-]{0,63}$/

/** Keys of what the service names. */
export const UUID_KEY = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const LIMIT_DEFAULT = '50'

const PAGE_QUERY = {
  cursor: Type.Optional(Type.String({ maxLength: 200, description: 'The `next` of the page before' })),
  limit: Type.Optional(
    Type.String({ pattern: '^([1-9][0-9]?|1[0-9]{2}|200)$', description: '1 to 200; 50 if absent' }),
  ),
}

/** Makes a listing with cursor pagination. */
export function listing<Q extends TProperties, T, R extends TSchema>(options: Listing<Q, T, R>): Operation {
  const { id, path, scope = 'read', summary, query, item, key, page, view } = options
  return read({
    id,
    path,
    scope,
    summary,
    query: Type.Object({ ...PAGE_QUERY, ...query }, { additionalProperties: false }),
    reply: PageReply(item),
    run: async ({ database }, input) => {
      const filters = input.query as Readonly<Record<string, string | undefined>>
      const { cursor, limit = LIMIT_DEFAULT } = filters
      const after = cursor === undefined ? undefined : unwrap(decodeCursor(id, cursor, key))
      const { items, next } = await page(database, { limit: Number.parseInt(limit, 10), after }, filters)
      return {
        items: items.map((value) => view(value)),
        ...(next === undefined ? {} : { next: encodeCursor(id, next) }),
      }
    },
  })
}
