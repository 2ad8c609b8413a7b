import { Type } from '@fastify/type-provider-typebox'
import type { Static } from '@fastify/type-provider-typebox'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { correction } from '../../invoice/late.ts'
import { openBooks } from '../../postgres/books.ts'
import type { Books } from '../../postgres/books.ts'
import { findTariff, tariffOf } from '../../postgres/catalogue.ts'
import { contractOf, measureAgain, windowsAt } from '../../postgres/correct.ts'
import { findInvoice } from '../../postgres/invoices.ts'
import { billedLines, statementsOfInvoice } from '../../postgres/late.ts'
import type { IssuedStatement } from '../../postgres/late.ts'
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
      statements.push(await rerated(services, invoice, statement, query))
    return reratingView(invoice, statements)
  },
})

/** What a statement and its corrections are short of, or over. */
async function rerated(
  { database, rating }: Services,
  { buyer: { id: account }, currency }: Invoice,
  statement: IssuedStatement,
  query: Static<typeof Query>,
) {
  const { tariff: id, usage } = query
  const tariff =
    id === undefined
      ? await tariffOf(database, statement)
      : await otherTariff(database, { id, version: versionOf(query) }, currency)
  const measured =
    usage === 'frozen'
      ? statement.latest
      : await measureAgain({ sql: database, rating }, account, statement, tariff)
  const billed = await billedLines(database, statement)
  const books = openBooks(database, account)
  const known =
    usage === 'frozen' ? measured : await knownNow({ database, books }, account, statement, tariff)
  const snapshot = correction(
    { ...measured, ...known, availability: statement.snapshot.availability },
    statement.number,
    billed,
  )
  const { charges } = await rating.rate(tariff, snapshot)
  return { tariff, snapshot, billed, charges }
}

/** What other documents used of grants and billed in windows, as it is known now. */
async function knownNow(
  { database, books }: Pick<Services, 'database'> & { readonly books: Books },
  account: string,
  statement: IssuedStatement,
  tariff: Tariff,
): Promise<Pick<Snapshot, 'used' | 'windowBilled' | 'contract'>> {
  const used = await books.grants.used(tariff.currency, statement.ref)
  const contract = await contractOf(database, account, statement)
  if (contract === undefined) return { used, windowBilled: [] }
  return { used, ...(await windowsAt(database, books, tariff, statement, contract)) }
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
