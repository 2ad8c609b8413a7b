import { Type } from '@fastify/type-provider-typebox'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { parsePeriod } from '@vouch/proto/kernel/period.ts'
import { orphansOf } from '../../catalogue/orphans.ts'
import { listItems, listTariffs, tariffsAgreedIn } from '../../postgres/catalogue.ts'
import { allOf } from '../../postgres/page.ts'
import { checkBegun } from '../begun.ts'
import { read } from '../operation.ts'
import { Instant, Slug, closed } from '../schemas.ts'

const Reply = Type.Object(
  {
    meters: Type.Array(
      Type.Object(
        {
          meter: Type.String(),
          unit: Type.String(),
          resources: Type.Integer({ description: 'How many it measured' }),
          reason: Type.Union([Type.Literal('no-tariff'), Type.Literal('no-contract')]),
        },
        closed,
      ),
    ),
    items: Type.Array(
      Type.Object(
        {
          item: Slug,
          name: Type.String(),
          meter: Type.String(),
          reason: Type.Union([
            Type.Literal('no-tariff'),
            Type.Literal('no-contract'),
            Type.Literal('not-measured'),
          ]),
        },
        closed,
      ),
    ),
  },
  closed,
)

/** GET /v1/catalogue/orphans */
export const listOrphans = read({
  id: 'listOrphans',
  path: '/v1/catalogue/orphans',
  scope: 'read',
  summary:
    'Meters that measured in a period and that no tariff under contract prices, and items that no tariff under contract sells or whose meter measured nothing',
  query: Type.Object({ from: Instant, to: Instant }, closed),
  reply: Reply,
  run: async ({ database, rating, chance }, { query: { from, to } }) => {
    const period = unwrap(parsePeriod(from, to))
    checkBegun(period, chance.nowMs(), '/from')
    const measured = await rating.meters(period)
    const { meters, items } = orphansOf({
      items: await allOf((request) => listItems(database, request)),
      tariffs: await allOf((request) => listTariffs(database, request)),
      agreed: await tariffsAgreedIn(database, period),
      measured,
    })
    return { meters: [...meters], items: [...items] }
  },
})
