import { Type } from '@fastify/type-provider-typebox'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { findInvoice } from '../../postgres/invoices.ts'
import { setRelease } from '../../postgres/releases.ts'
import { InvoiceReply, ReleaseBody } from '../invoice-schemas.ts'
import { invoiceView } from '../invoice-views.ts'
import { found, write } from '../operation.ts'
import { Uuid } from '../schemas.ts'

/** POST /v1/invoices/{invoice}/release */
export const releaseInvoice = write({
  id: 'releaseInvoice',
  path: '/v1/invoices/:invoice/release',
  scope: 'issue',
  summary: 'Accept a draft with lines that are held for review, with the reason; it may be issued then',
  status: 200,
  action: 'invoice.release',
  params: Type.Object({ invoice: Uuid }),
  body: ReleaseBody,
  reply: InvoiceReply,
  run: async ({ sql, nowMs, actor }, { params: { invoice: id }, body }) => {
    const draft = found(await findInvoice(sql, id, true), `invoice ${id}`)
    if (draft.issue !== undefined) throwFault('INVOICE_ISSUED', `it is issued as ${draft.issue.number}`)
    if (!draft.lines.some(({ charge }) => charge.held))
      throwFault('FIELD_INVALID', 'no line of it is held', { pointer: '/invoice' })
    const release = { atMs: nowMs, actor, reason: body.reason }
    await setRelease(sql, id, release)
    return { reply: invoiceView({ ...draft, release }), subject: id, detail: { reason: body.reason } }
  },
})
