import { Type } from '@fastify/type-provider-typebox'
import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { monthOf, overlaps, parsePeriod } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Charge, Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { Account } from '../../contract/contract.ts'
import { CHARGE_COLUMNS, chargeRow, stepRow } from '../../invoice/charge-rows.ts'
import type { ChargeRow } from '../../invoice/charge-rows.ts'
import { commonDimensions, hasDimensions } from '../../invoice/dimensions.ts'
import type { Dimensions } from '../../invoice/dimensions.ts'
import { measurementsOf, periodOf } from '../../invoice/invoice.ts'
import { findAccount } from '../../postgres/accounts.ts'
import { knownCharges, steppedCharges } from '../../postgres/known-charges.ts'
import { checkBegun } from '../begun.ts'
import { DimensionQuery, parseDimensions } from '../dimensions.ts'
import { download } from '../download.ts'
import { found } from '../operation.ts'
import { Instant, Slug } from '../schemas.ts'

const MONTHS_MAX = 13
const ROWS_MAX = 200_000

/** GET /v1/accounts/{account}/charges */
export const accountCharges = download({
  id: 'accountCharges',
  path: '/v1/accounts/:account/charges',
  scope: 'read',
  summary:
    'What the usage of an account costs, line by line: of issued invoices as billed, of other months as known now, of the current one so far',
  params: Type.Object({ account: Slug }),
  query: {
    from: Instant,
    to: Instant,
    resource: Type.Optional(Type.String({ maxLength: 200, description: 'All resources if absent' })),
    meter: Type.Optional(Type.String({ maxLength: 100, description: 'All meters if absent' })),
    item: Type.Optional(Type.String({ maxLength: 100, description: 'All items if absent' })),
    dimension: DimensionQuery,
    grain: Type.Optional(
      Type.Enum(['hour', 'day', 'month', 'year'], {
        description:
          'Steps in the account’s zone over which each line is shared out: by what was used in each, else by time; lines as they are if absent',
      }),
    ),
  },
  run: async (services, { params: { account: id }, query }) => {
    const { database: sql, rating, chance } = services
    const account = found(await findAccount(sql, id), `account ${id}`)
    const period = unwrap(parsePeriod(query.from, query.to))
    checkBegun(period, chance.nowMs(), '/from')
    const matches = matchingBy(query)
    const months = monthsIn(account, period)
    const context = { sql, rating, nowMs: chance.nowMs() }
    const rows: ChargeRow[] = []
    for await (const each of knownCharges(context, account, months)) {
      const charges = each.charges.filter(
        (charge) => overlaps(periodOf(charge.period), period) && matches(charge, each.snapshot),
      )
      const { grain: step } = query
      const calendar = step && { step, timeZone: account.timeZone }
      const steps = calendar === undefined ? [] : await steppedCharges(rating, each, charges, calendar)
      for (const [index, charge] of charges.entries()) {
        const row = chargeRow(charge, each.standing, dimensionsOf(charge, each.snapshot))
        const parts = steps[index]?.filter((part) => overlaps(part.period, period))
        for (const one of parts?.map((part) => stepRow(row, part)) ?? [row]) rows.push(one)
      }
      if (rows.length > ROWS_MAX)
        throwFault('OUT_OF_RANGE', `more than ${ROWS_MAX} rows; ask for a shorter period or longer steps`, {
          pointer: '/grain',
        })
    }
    return { columns: CHARGE_COLUMNS, rows }
  },
})

/** Which charges are asked for. Fault: FIELD_INVALID. */
function matchingBy({
  resource,
  meter,
  item,
  dimension,
}: {
  readonly resource?: string
  readonly meter?: string
  readonly item?: string
  readonly dimension?: string | string[]
}): (charge: Charge, snapshot: Snapshot) => boolean {
  const wanted = unwrap(parseDimensions(dimension))
  return (charge, snapshot) =>
    (resource === undefined || charge.resource === resource) &&
    (meter === undefined || charge.meter === meter) &&
    (item === undefined || charge.itemId === item) &&
    (wanted.length === 0 || hasDimensions(dimensionsOf(charge, snapshot), wanted))
}

function dimensionsOf(charge: Charge, snapshot: Snapshot): Dimensions {
  return commonDimensions(measurementsOf(charge, snapshot))
}

/** Months of the account's zone that a period touches. Fault: OUT_OF_RANGE beyond thirteen. */
function monthsIn({ timeZone }: Account, period: Period): Period[] {
  const months: Period[] = []
  const first = Temporal.Instant.fromEpochMilliseconds(period.from).toZonedDateTimeISO(timeZone)
  for (let { year, month } = first; ; [year, month] = month === 12 ? [year + 1, 1] : [year, month + 1]) {
    const next = unwrap(monthOf(timeZone, year, month))
    if (next.from >= period.to) return months
    if (months.length === MONTHS_MAX)
      throwFault('OUT_OF_RANGE', `at most ${MONTHS_MAX} months at once`, { pointer: '/to' })
    months.push(next)
  }
}
