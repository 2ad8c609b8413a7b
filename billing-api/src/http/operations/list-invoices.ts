import { Type } from '@fastify/type-provider-typebox'
import { listInvoices as page } from '../../postgres/invoices.ts'
import { UUID_KEY, listing } from '../listing.ts'
import { InvoiceSummary } from '../invoice-schemas.ts'
import { Slug } from '../schemas.ts'
import { invoiceSummary } from '../invoice-views.ts'

/** GET /v1/invoices */
export const listInvoices = listing({
  id: 'listInvoices',
  path: '/v1/invoices',
  summary: 'Invoices in the order of their making',
  query: { account: Type.Optional(Slug), status: Type.Optional(Type.Enum(['draft', 'issued'])) },
  item: InvoiceSummary,
  key: UUID_KEY,
  page: (sql, request, { account, status }) =>
    page(sql, { account, issued: status === undefined ? undefined : status === 'issued' }, request),
  view: invoiceSummary,
})
