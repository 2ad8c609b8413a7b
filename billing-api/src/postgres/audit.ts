import { follow } from '../audit/chain.ts'
import type { AuditRow, Deed } from '../audit/chain.ts'
import { pageOf } from './page.ts'
import type { Page, PageRequest } from './page.ts'
import type { Sql } from './database.ts'

interface ChainRow {
  readonly sequence: string
  readonly record: string
  readonly previous: Buffer
  readonly hash: Buffer
}

/** Adds a row to the log in the transaction of the deed itself. Call it last: it holds the log's end. */
export async function appendAudit(sql: Sql, deed: Deed): Promise<void> {
  const [head] = await sql.rows<{ sequence: string; hash: Buffer }>(
    'SELECT sequence, hash FROM billing.audit_head FOR UPDATE',
  )
  if (head === undefined) throw new Error("the audit log's head is gone")
  const row = follow({ sequence: BigInt(head.sequence), hash: head.hash }, deed)
  await sql.rows('INSERT INTO billing.audit_log (sequence, record, previous, hash) VALUES ($1, $2, $3, $4)', [
    row.sequence,
    row.record,
    row.previous,
    row.hash,
  ])
}

/** Rows in order. */
export async function listAudit(sql: Sql, { limit, after }: PageRequest): Promise<Page<AuditRow>> {
  const rows = await sql.rows<ChainRow>(
    `SELECT sequence, record, previous, hash FROM billing.audit_log
     WHERE sequence > coalesce($1::bigint, 0) ORDER BY sequence LIMIT $2`,
    [after, limit + 1],
  )
  return pageOf(
    rows,
    limit,
    (row) => row.sequence,
    (row) => ({ ...row, sequence: BigInt(row.sequence) }),
  )
}
