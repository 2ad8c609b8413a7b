import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { draftItem } from '../../catalogue/item.ts'
import { insertItem, nextItemVersion } from '../../postgres/catalogue.ts'
import { write } from '../operation.ts'
import { ItemBody, ItemReply } from '../schemas.ts'
import { itemView } from '../views.ts'

/** POST /v1/items */
export const createItem = write({
  id: 'createItem',
  path: '/v1/items',
  scope: 'write',
  summary: 'Add an item, or a new version of one: a meter in a billable unit',
  status: 201,
  action: 'item.create',
  body: ItemBody,
  reply: ItemReply,
  run: async ({ sql, nowMs }, { body }) => {
    const item = unwrap(draftItem(body, await nextItemVersion(sql, body.id)))
    await insertItem(sql, item, nowMs)
    return { reply: itemView(item), subject: item.itemId, detail: { version: item.version } }
  },
})
