import { Type } from '@fastify/type-provider-typebox'
import { findItem } from '../../postgres/catalogue.ts'
import { found, read } from '../operation.ts'
import { ItemReply, Slug, VersionQuery } from '../schemas.ts'
import { itemView, versionOf } from '../views.ts'

/** GET /v1/items/{item} */
export const getItem = read({
  id: 'getItem',
  path: '/v1/items/:item',
  scope: 'read',
  summary: 'A version of an item; the newest if none is named',
  params: Type.Object({ item: Slug }),
  query: VersionQuery,
  reply: ItemReply,
  run: async ({ database }, { params: { item: id }, query }) =>
    itemView(
      found(await findItem(database, { id, version: versionOf(query) }), `item ${id} of this version`),
    ),
})
