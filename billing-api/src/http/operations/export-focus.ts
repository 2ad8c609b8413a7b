import { Type } from '@fastify/type-provider-typebox'
import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { parsePeriod } from '@vouch/proto/kernel/period.ts'
import { FOCUS_COLUMNS } from '../../focus/columns.ts'
import type { FocusRow } from '../../focus/columns.ts'
import { focusRows } from '../../focus/rows.ts'
import { download } from '../download.ts'
import { issuedInvoices } from '../issued-invoices.ts'
import { Instant, Slug } from '../schemas.ts'

const ROWS_MAX = 200_000

/** GET /v1/exports/focus */
export const exportFocus = download({
  id: 'exportFocus',
  path: '/v1/exports/focus',
  scope: 'read',
  summary: 'Lines of issued invoices whose periods end in (from, to], as a FOCUS 1.2 dataset',
  query: { from: Instant, to: Instant, account: Type.Optional(Slug) },
  run: async ({ database }, { query }) => {
    const period = unwrap(parsePeriod(query.from, query.to))
    const rows: FocusRow[] = []
    for await (const invoice of issuedInvoices(database, period, query.account)) {
      for (const row of focusRows(invoice)) rows.push(row)
      if (rows.length > ROWS_MAX)
        throwFault('OUT_OF_RANGE', `more than ${ROWS_MAX} lines; ask for a shorter period or one account`)
    }
    return { columns: FOCUS_COLUMNS, rows }
  },
})
