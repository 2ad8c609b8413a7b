import { Type } from '@fastify/type-provider-typebox'
import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { monthOf, overlaps, parsePeriod } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Charge } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { Account } from '../../contract/contract.ts'
import { CHARGE_COLUMNS, chargeRow } from '../../invoice/charge-rows.ts'
import type { ChargeState } from '../../invoice/charge-rows.ts'
import { periodOf } from '../../invoice/invoice.ts'
import { findAccount } from '../../postgres/accounts.ts'
import { openBooks } from '../../postgres/books.ts'
import type { Books } from '../../postgres/books.ts'
import { rateAccount } from '../../postgres/draw.ts'
import { findInvoice, issuedAbout, issuedTouching } from '../../postgres/invoices.ts'
import { download } from '../download.ts'
import { found } from '../operation.ts'
import type { Services } from '../operation.ts'
import { Instant, Slug } from '../schemas.ts'

const MONTHS_MAX = 13

/** A charge, and where it stands. */
interface Found {
  readonly charge: Charge
  readonly standing: ChargeState
}

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
  },
  run: async (services, { params: { account: id }, query }) => {
    const account = found(await findAccount(services.database, id), `account ${id}`)
    const period = unwrap(parsePeriod(query.from, query.to))
    const months = monthsIn(account, period)
    const whole = { from: months[0]!.from, to: months.at(-1)!.to }
    const charges = await issuedCharges(services, id, whole)
    const books = openBooks(services.database, id)
    for (const month of months) charges.push(...(await openCharges(services, account, month, books)))
    const { resource, meter, item } = query
    const rows = charges
      .filter(({ charge }) => overlaps(periodOf(charge.period), period))
      .filter(
        ({ charge }) =>
          (resource === undefined || charge.resource === resource) &&
          (meter === undefined || charge.meter === meter) &&
          (item === undefined || charge.itemId === item),
      )
      .map(({ charge, standing }) => chargeRow(charge, standing))
    return { columns: CHARGE_COLUMNS, rows }
  },
})

/** Lines of all issued invoices that say something of a period. */
async function issuedCharges({ database }: Services, account: string, period: Period): Promise<Found[]> {
  const charges: Found[] = []
  for (const id of await issuedAbout(database, account, period)) {
    const { lines = [], issue } = (await findInvoice(database, id)) ?? {}
    const standing = { state: 'issued', number: issue?.number ?? '' } as const
    for (const { charge } of lines) charges.push({ charge, standing })
  }
  return charges
}

/** What a month without an issued invoice comes to now. */
async function openCharges(
  { database, rating, chance }: Services,
  account: Account,
  month: Period,
  books: Books,
): Promise<Found[]> {
  const nowMs = chance.nowMs()
  if (month.from >= nowMs || (await issuedTouching(database, account.id, month)).length > 0) return []
  const rated = await rateAccount({ sql: database, rating }, account, month, books)
  const state = month.to <= nowMs ? 'open' : 'running'
  return rated.flatMap(({ charges }) => charges.map((charge) => ({ charge, standing: { state } })))
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
