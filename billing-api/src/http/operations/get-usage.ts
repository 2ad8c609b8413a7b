import { Type } from '@fastify/type-provider-typebox'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { parseResourceId } from '@vouch/proto/kernel/id.ts'
import { parsePeriod } from '@vouch/proto/kernel/period.ts'
import { at } from '../../catalogue/item.ts'
import { checkBegun } from '../begun.ts'
import { read } from '../operation.ts'
import { UsageReply } from '../invoice-schemas.ts'
import { Instant } from '../schemas.ts'
import { usageView } from '../invoice-views.ts'

/** GET /v1/usage */
export const getUsage = read({
  id: 'getUsage',
  path: '/v1/usage',
  scope: 'read',
  summary: 'Usage of a resource, with everything below it, over a period',
  query: Type.Object(
    {
      resource: Type.String({ maxLength: 200 }),
      meter: Type.Optional(Type.String({ maxLength: 100, description: 'All meters if absent' })),
      from: Instant,
      to: Instant,
    },
    { additionalProperties: false },
  ),
  reply: Type.Object({ meters: Type.Array(UsageReply) }, { additionalProperties: false }),
  run: async ({ rating, chance }, { query }) => {
    const resource = unwrap(at('/resource', parseResourceId(query.resource)))
    const period = unwrap(parsePeriod(query.from, query.to))
    checkBegun(period, chance.nowMs(), '/from')
    const meters = await rating.usage(resource, query.meter ?? '', period)
    return { meters: meters.map(usageView) }
  },
})
