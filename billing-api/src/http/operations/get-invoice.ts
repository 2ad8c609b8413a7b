import { Type } from '@fastify/type-provider-typebox'
import { findInvoice } from '../../postgres/invoices.ts'
import { found, read } from '../operation.ts'
import { InvoiceReply } from '../invoice-schemas.ts'
import { Uuid } from '../schemas.ts'
import { invoiceView } from '../invoice-views.ts'

/** GET /v1/invoices/{invoice} */
export const getInvoice = read({
  id: 'getInvoice',
  path: '/v1/invoices/:invoice',
  scope: 'read',
  summary: 'An invoice with its lines, readings and gaps',
  params: Type.Object({ invoice: Uuid }),
  reply: InvoiceReply,
  run: async ({ database }, { params: { invoice: id } }) =>
    invoiceView(found(await findInvoice(database, id), `invoice ${id}`)),
})
