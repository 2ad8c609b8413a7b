import { Type } from '@fastify/type-provider-typebox'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { parsePeriod } from '@vouch/proto/kernel/period.ts'
import { decodeCursor, encodeCursor } from '../../postgres/page.ts'
import { unattributedIn } from '../../postgres/attributed.ts'
import { UnattributedReply } from '../attribution-schemas.ts'
import { unattributedView } from '../attribution-views.ts'
import { checkBegun } from '../begun.ts'
import { read } from '../operation.ts'
import { Instant, PageReply } from '../schemas.ts'

const ID = 'listUnattributed'
const RESOURCE_KEY = /^[A-Za-z0-9._:@+%/-]{1,200}$/
const LIMIT_DEFAULT = '50'

/** GET /v1/usage/unattributed */
export const listUnattributed = read({
  id: ID,
  path: '/v1/usage/unattributed',
  scope: 'read',
  summary:
    'Resources that measured in a period and that neither an assignment nor a rule covers, with the stretches; a page may be short and yet have a next one',
  query: Type.Object(
    {
      from: Instant,
      to: Instant,
      cursor: Type.Optional(Type.String({ maxLength: 400, description: 'The `next` of the page before' })),
      limit: Type.Optional(
        Type.String({ pattern: '^([1-9][0-9]?|1[0-9]{2}|200)$', description: '1 to 200; 50 if absent' }),
      ),
    },
    { additionalProperties: false },
  ),
  reply: PageReply(UnattributedReply),
  run: async ({ database, rating, chance }, { query: { from, to, cursor, limit = LIMIT_DEFAULT } }) => {
    const period = unwrap(parsePeriod(from, to))
    checkBegun(period, chance.nowMs(), '/from')
    const after = cursor === undefined ? undefined : unwrap(decodeCursor(ID, cursor, RESOURCE_KEY))
    const page = await unattributedIn(database, rating, period, { limit: Number.parseInt(limit, 10), after })
    return {
      items: page.items.map(unattributedView),
      ...(page.next === undefined ? {} : { next: encodeCursor(ID, page.next) }),
    }
  },
})
