import { Type } from '@fastify/type-provider-typebox'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatInstant, parsePeriod } from '@vouch/proto/kernel/period.ts'
import { roundingGain } from '../../invoice/rounding-gain.ts'
import type { Table } from '../../ports.ts'
import { download } from '../download.ts'
import { issuedInvoices } from '../issued-invoices.ts'
import { Instant, Slug } from '../schemas.ts'

const COLUMNS = {
  Account: 'text',
  InvoiceNumber: 'text',
  From: 'instant',
  To: 'instant',
  Currency: 'text',
  Billed: 'decimal',
  Exact: 'decimal',
  Gain: 'decimal',
} as const satisfies Table['columns']

/** GET /v1/exports/rounding */
export const exportRounding = download({
  id: 'exportRounding',
  path: '/v1/exports/rounding',
  scope: 'read',
  summary:
    'What rounding to the currency gained or lost on each issued invoice whose period ends in (from, to]: billed less exact, with twelve decimals',
  query: { from: Instant, to: Instant, account: Type.Optional(Slug) },
  run: async ({ database }, { query }) => {
    const period = unwrap(parsePeriod(query.from, query.to))
    const rows: Record<keyof typeof COLUMNS, string | null>[] = []
    for await (const invoice of issuedInvoices(database, period, query.account))
      rows.push({
        Account: invoice.buyer.id,
        InvoiceNumber: invoice.issue?.number ?? null,
        From: formatInstant(invoice.period.from),
        To: formatInstant(invoice.period.to),
        Currency: invoice.currency,
        ...roundingGain(invoice),
      })
    return { columns: COLUMNS, rows }
  },
})
