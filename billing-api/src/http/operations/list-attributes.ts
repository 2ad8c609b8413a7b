import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { parseResourceId } from '@vouch/proto/kernel/id.ts'
import { at } from '../../catalogue/item.ts'
import { listAttributes as page } from '../../postgres/resource-attributes.ts'
import { AttributesReply, ResourcePath } from '../attribution-schemas.ts'
import { attributesView } from '../attribution-views.ts'
import { listing } from '../listing.ts'

/** GET /v1/resources/attributes */
export const listAttributes = listing({
  id: 'listAttributes',
  path: '/v1/resources/attributes',
  summary:
    "A resource's own attributes in order of time; those that it inherits are those of the paths above it",
  query: { resource: ResourcePath },
  item: AttributesReply,
  key: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z$/,
  page: async (sql, request, { resource = '' }) =>
    page(sql, unwrap(at('/resource', parseResourceId(resource))), request),
  view: attributesView,
})
