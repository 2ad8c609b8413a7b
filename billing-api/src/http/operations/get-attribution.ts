import { Type } from '@fastify/type-provider-typebox'
import { collect, unwrap } from '@vouch/proto/kernel/fault.ts'
import { parseResourceId } from '@vouch/proto/kernel/id.ts'
import { parseInstant, period } from '@vouch/proto/kernel/period.ts'
import { explain } from '../../attribution/attribute.ts'
import { at } from '../../catalogue/item.ts'
import { surroundingsOf } from '../../postgres/attributed.ts'
import { AttributionReply, ResourcePath } from '../attribution-schemas.ts'
import { attributionView } from '../attribution-views.ts'
import { read } from '../operation.ts'
import { Instant } from '../schemas.ts'

/** GET /v1/attribution */
export const getAttribution = read({
  id: 'getAttribution',
  path: '/v1/attribution',
  scope: 'read',
  summary:
    'Why a resource is where it is at an instant: what decided, what it saw, and what was asked before',
  query: Type.Object({ resource: ResourcePath, at: Instant }, { additionalProperties: false }),
  reply: AttributionReply,
  run: async ({ database }, { query }) => {
    const [named, instant] = [
      at('/resource', parseResourceId(query.resource)),
      at('/at', parseInstant(query.at)),
    ]
    unwrap(collect<unknown>([named, instant]))
    const [resource, atMs] = [unwrap(named), unwrap(instant)]
    const moment = unwrap(at('/at', period(atMs, atMs + 1)))
    const { world, holdings } = await surroundingsOf(database, [resource], moment)
    // Of a path and those above it, one at most is assigned at an instant.
    const [assignment] = [...holdings.values()].flat()
    return attributionView(resource, atMs, explain(world, resource, atMs), assignment)
  },
})
