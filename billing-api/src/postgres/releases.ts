import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { Release } from '../invoice/invoice.ts'
import type { Sql } from './database.ts'

/** Notes that somebody accepted a draft as it is; the last word counts. */
export async function setRelease(sql: Sql, invoice: string, { atMs, actor, reason }: Release): Promise<void> {
  await sql.rows(
    `INSERT INTO billing.releases VALUES ($1, $2, $3, $4)
     ON CONFLICT (invoice_id) DO UPDATE SET released_at = $2, actor = $3, reason = $4`,
    [invoice, formatInstant(atMs), actor, reason],
  )
}

/** Who accepted an invoice that was held for review; undefined where nobody did. */
export async function findRelease(sql: Sql, invoice: string): Promise<Release | undefined> {
  const [row] = await sql.rows<{ released_at: Date; actor: string; reason: string }>(
    'SELECT released_at, actor, reason FROM billing.releases WHERE invoice_id = $1',
    [invoice],
  )
  return row === undefined
    ? undefined
    : { atMs: row.released_at.getTime(), actor: row.actor, reason: row.reason }
}
