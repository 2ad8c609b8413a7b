import { Type } from '@fastify/type-provider-typebox'
import { renderInvoice } from '../../pdf/invoice.ts'
import { findInvoice } from '../../postgres/invoices.ts'
import { document, found } from '../operation.ts'
import { Uuid } from '../schemas.ts'

/** GET /v1/invoices/{invoice}/pdf */
export const getInvoicePdf = document({
  id: 'getInvoicePdf',
  path: '/v1/invoices/:invoice/pdf',
  scope: 'read',
  summary: 'An invoice to read and print; a draft says that it is one',
  params: Type.Object({ invoice: Uuid }),
  mediaType: 'application/pdf',
  run: async ({ database }, { params: { invoice: id } }) =>
    renderInvoice(found(await findInvoice(database, id), `invoice ${id}`)),
})
