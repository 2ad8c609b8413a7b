import { Type } from '@fastify/type-provider-typebox'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { formatAmount } from '@vouch/proto/kernel/money.ts'
import { issueInvoice as issue } from '../../postgres/issue.ts'
import { write } from '../operation.ts'
import { InvoiceReply } from '../invoice-schemas.ts'
import { Uuid } from '../schemas.ts'
import { invoiceView } from '../invoice-views.ts'

/** POST /v1/invoices/{invoice}/issue */
export const issueInvoice = write({
  id: 'issueInvoice',
  path: '/v1/invoices/:invoice/issue',
  scope: 'issue',
  summary: 'Issue a draft: number, proof, journal entry; from then on it never changes',
  status: 200,
  action: 'invoice.issue',
  params: Type.Object({ invoice: Uuid }),
  reply: InvoiceReply,
  run: async (context, { params: { invoice: id } }) => {
    const invoice = await issue(context, id)
    const { number, proofSha256 } = invoice.issue
    const total = `${formatAmount(invoice.total)} ${invoice.currency}`
    return {
      reply: invoiceView(invoice),
      subject: id,
      detail: { number, total, proofSha256: toHex(proofSha256) },
    }
  },
})
