import { Type } from '@fastify/type-provider-typebox'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatInstant, parsePeriod } from '@vouch/proto/kernel/period.ts'
import { findAccount } from '../../postgres/accounts.ts'
import { dimensionsText, hasDimensions } from '../../invoice/dimensions.ts'
import { assignedOver } from '../../postgres/assigned.ts'
import type { Table } from '../../ports.ts'
import { checkBegun } from '../begun.ts'
import { DimensionQuery, parseDimensions } from '../dimensions.ts'
import { download } from '../download.ts'
import { found } from '../operation.ts'
import { Instant, Slug } from '../schemas.ts'
import { millisecondsOf } from '../views.ts'

const COLUMNS = {
  Resource: 'text',
  Dimensions: 'text',
  Meter: 'text',
  Unit: 'text',
  From: 'instant',
  To: 'instant',
  Quantity: 'decimal',
  CoveredMinutes: 'decimal',
} as const satisfies Table['columns']

/** GET /v1/accounts/{account}/usage */
export const accountUsage = download({
  id: 'accountUsage',
  path: '/v1/accounts/:account/usage',
  scope: 'read',
  summary:
    'What the resources of an account used, while they were assigned to it, by step of its calendar; up to now',
  params: Type.Object({ account: Slug }),
  query: {
    from: Instant,
    to: Instant,
    grain: Type.Optional(
      Type.Enum(['hour', 'day', 'month', 'year', 'total'], {
        description: 'Steps in the account’s zone; day if absent',
      }),
    ),
    meter: Type.Optional(Type.String({ maxLength: 100, description: 'All meters if absent' })),
    resource: Type.Optional(
      Type.String({ maxLength: 200, description: 'What is assigned under this name; all if absent' }),
    ),
    dimension: DimensionQuery,
  },
  run: async ({ database, rating, chance }, { params: { account: id }, query }) => {
    const account = found(await findAccount(database, id), `account ${id}`)
    const period = unwrap(parsePeriod(query.from, query.to))
    checkBegun(period, chance.nowMs(), '/from')
    const wanted = unwrap(parseDimensions(query.dimension))
    const assigned = (await assignedOver(database, rating, id, period)).filter(
      ({ resource, dimensions }) =>
        (query.resource === undefined || resource === query.resource) && hasDimensions(dimensions, wanted),
    )
    const meters = query.meter === undefined ? [] : [query.meter]
    const series = await rating.series(period, account.timeZone, query.grain ?? 'day', assigned, meters)
    return {
      columns: COLUMNS,
      rows: series.map((row) => ({
        Resource: row.resource,
        Dimensions: Object.keys(row.dimensions).length === 0 ? null : dimensionsText(row.dimensions),
        Meter: row.meter,
        Unit: row.unit,
        From: formatInstant(millisecondsOf(row.period?.fromMs)),
        To: formatInstant(millisecondsOf(row.period?.toMs)),
        Quantity: row.quantity,
        CoveredMinutes: `${row.coveredMinutes}`,
      })),
    }
  },
})
