import { listItems as page } from '../../postgres/catalogue.ts'
import { SLUG_KEY, listing } from '../listing.ts'
import { ItemReply } from '../schemas.ts'
import { itemView } from '../views.ts'

/** GET /v1/items */
export const listItems = listing({
  id: 'listItems',
  path: '/v1/items',
  summary: 'Items by id, the newest version of each',
  item: ItemReply,
  key: SLUG_KEY,
  page,
  view: itemView,
})
