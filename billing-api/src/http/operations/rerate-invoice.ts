import { Type } from '@fastify/type-provider-typebox'
import type { Static } from '@fastify/type-provider-typebox'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { correction } from '../../invoice/late.ts'
import { findTariff } from '../../postgres/catalogue.ts'
import { measureAgain, tariffOf } from '../../postgres/correct.ts'
import { openGrantBooks } from '../../postgres/grants.ts'
import { findInvoice } from '../../postgres/invoices.ts'
import { billedLines, statementsOfInvoice } from '../../postgres/late.ts'
import type { IssuedStatement } from '../../postgres/late.ts'
import { ReratingReply } from '../invoice-schemas.ts'
import { found, read } from '../operation.ts'
import type { Services } from '../operation.ts'
import { Slug, Uuid, VersionQuery } from '../schemas.ts'
import { reratingView } from '../invoice-views.ts'
import { versionOf } from '../views.ts'

const Query = Type.Object(
  {
    usage: Type.Optional(
      Type.Enum(['current', 'frozen'], {
        description:
          'As it is known now, which is meant if absent; or as it was frozen, under the same tariff',
      }),
    ),
    tariff: Type.Optional(Slug),
    ...VersionQuery.properties,
  },
  { additionalProperties: false },
)

/** GET /v1/invoices/{invoice}/rerating */
export const rerateInvoice = read({
  id: 'rerateInvoice',
  path: '/v1/invoices/:invoice/rerating',
  scope: 'read',
  summary:
    'What an issued invoice, with its corrections, would differ by: line by line, for late usage or another tariff',
  params: Type.Object({ invoice: Uuid }),
  query: Query,
  reply: ReratingReply,
  run: async (services, { params: { invoice: id }, query }) => {
    const invoice = found(await findInvoice(services.database, id), `invoice ${id}`)
    if (invoice.issue === undefined)
      throwFault('FIELD_INVALID', 'a draft is drawn again, not re-rated', { pointer: '/invoice' })
    if (query.tariff !== undefined && query.usage === 'frozen')
      throwFault('FIELD_INVALID', 'another tariff needs usage to be measured again', { pointer: '/usage' })
    const statements = []
    for (const statement of await statementsOfInvoice(services.database, id))
      statements.push(await rerated(services, invoice.buyer.id, statement, query))
    return reratingView(invoice, statements)
  },
})

/** What a statement and its corrections are short of, or over. */
async function rerated(
  { database, rating }: Services,
  account: string,
  statement: IssuedStatement,
  query: Static<typeof Query>,
) {
  const { tariff: id, usage } = query
  const tariff =
    id === undefined
      ? await tariffOf(database, statement)
      : found(await findTariff(database, { id, version: versionOf(query) }), `tariff ${id} of this version`)
  const measured =
    usage === 'frozen'
      ? statement.latest
      : await measureAgain({ sql: database, rating }, account, statement, tariff)
  if (measured === undefined)
    return throwFault('EVIDENCE_MISSING', 'readings of the period have expired; use ?usage=frozen')
  const billed = await billedLines(database, statement.ref)
  const used =
    usage === 'frozen'
      ? measured.used
      : await openGrantBooks(database, account).used(tariff.currency, statement.ref)
  const snapshot = correction(
    { ...measured, availability: statement.snapshot.availability, used },
    statement.number,
    billed,
  )
  const { charges } = await rating.rate(tariff, snapshot)
  return { tariff, snapshot, billed, charges }
}
