import { Type } from '@fastify/type-provider-typebox'
import type { Static } from '@fastify/type-provider-typebox'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { findTariff, tariffOf } from '../../postgres/catalogue.ts'
import { findInvoice } from '../../postgres/invoices.ts'
import { statementsOfInvoice } from '../../postgres/late.ts'
import type { IssuedStatement } from '../../postgres/late.ts'
import { rerated } from '../../postgres/rerate.ts'
import type { Rerated } from '../../postgres/rerate.ts'
import type { Invoice } from '../../invoice/invoice.ts'
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
    if (query.version !== undefined && query.tariff === undefined)
      throwFault('FIELD_INVALID', 'name the tariff of this version', { pointer: '/version' })
    const statements = []
    for (const statement of await statementsOfInvoice(services.database, id))
      statements.push(await reratedBy(services, invoice, statement, query))
    return reratingView(invoice, statements)
  },
})

/** A statement rated again as it is asked for. */
async function reratedBy(
  { database: sql, rating }: Services,
  { buyer: { id: account }, currency }: Invoice,
  statement: IssuedStatement,
  query: Static<typeof Query>,
): Promise<Rerated> {
  const { tariff: id, usage } = query
  const tariff =
    id === undefined
      ? await tariffOf(sql, statement)
      : await otherTariff(sql, { id, version: versionOf(query) }, currency)
  return rerated({ sql, rating }, account, statement, { tariff, isFrozen: usage === 'frozen' })
}

async function otherTariff(
  sql: Services['database'],
  version: Parameters<typeof findTariff>[1],
  currency: string,
): Promise<Tariff> {
  const tariff = found(await findTariff(sql, version), `tariff ${version.id} of this version`)
  if (tariff.currency !== currency)
    throwFault('CURRENCY_MISMATCH', `the invoice is in ${currency}, ${version.id} in ${tariff.currency}`, {
      pointer: '/tariff',
    })
  return tariff
}
