import { Type } from '@fastify/type-provider-typebox'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { deleteDraft, findInvoice } from '../../postgres/invoices.ts'
import { found, write } from '../operation.ts'
import { InvoiceReply } from '../invoice-schemas.ts'
import { Uuid } from '../schemas.ts'
import { invoiceView } from '../invoice-views.ts'

/** DELETE /v1/invoices/{invoice} */
export const discardInvoice = write({
  id: 'discardInvoice',
  method: 'DELETE',
  path: '/v1/invoices/:invoice',
  scope: 'write',
  summary: 'Discard a draft; an issued invoice stays',
  status: 200,
  action: 'invoice.discard',
  params: Type.Object({ invoice: Uuid }),
  reply: InvoiceReply,
  run: async ({ sql }, { params: { invoice: id } }) => {
    const invoice = found(await findInvoice(sql, id, true), `invoice ${id}`)
    if (invoice.issue !== undefined)
      throwFault('INVOICE_ISSUED', `${invoice.issue.number} is issued; it stays`)
    await deleteDraft(sql, id)
    return { reply: invoiceView(invoice), subject: id }
  },
})
