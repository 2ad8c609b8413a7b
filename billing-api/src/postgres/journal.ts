import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { money } from '@vouch/proto/kernel/money.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { Entry, LedgerCode, Posting } from '../ledger/entry.ts'
import { pageOf } from './page.ts'
import type { Page, PageRequest } from './page.ts'
import type { Sql } from './database.ts'

/** An entry in the books. */
export interface PostedEntry extends Entry {
  readonly id: string
  readonly postedMs: number
  readonly invoiceId: string
}

interface PostingRow {
  readonly entry_id: string
  readonly code: LedgerCode
  readonly subject: string
  readonly amount_minor: string
  readonly currency: string
}

interface EntryRow {
  readonly entry_id: string
  readonly posted_at: Date
  readonly description: string
  readonly invoice_id: string
}

/** Posts an entry; its balance is checked again by the database at commit. Faults: LEDGER_UNBALANCED. */
export async function insertEntry(sql: Sql, posted: PostedEntry): Promise<void> {
  await sql.rows('INSERT INTO billing.journal_entries VALUES ($1, $2, $3, $4)', [
    posted.id,
    formatInstant(posted.postedMs),
    posted.description,
    posted.invoiceId,
  ])
  await sql.rows(
    `INSERT INTO billing.journal_postings
     SELECT $1, p.* FROM unnest($2::int[], $3::text[], $4::text[], $5::bigint[], $6::text[]) AS p`,
    [
      posted.id,
      posted.postings.map((_, index) => index + 1),
      posted.postings.map(({ code }) => code),
      posted.postings.map(({ subject }) => subject),
      posted.postings.map(({ amount }) => amount.minor),
      posted.postings.map(({ amount }) => amount.currency),
    ],
  )
}

/** Entries by id, which is the order of posting. */
export async function listEntries(sql: Sql, { limit, after }: PageRequest): Promise<Page<PostedEntry>> {
  const rows = await sql.rows<EntryRow>(
    `SELECT entry_id, posted_at, description, invoice_id FROM billing.journal_entries
     WHERE $1::uuid IS NULL OR entry_id > $1 ORDER BY entry_id LIMIT $2`,
    [after, limit + 1],
  )
  const postings = await sql.rows<PostingRow>(
    `SELECT entry_id, code, subject, amount_minor, currency FROM billing.journal_postings
     WHERE entry_id = ANY($1) ORDER BY entry_id, ordinal`,
    [rows.map(({ entry_id: id }) => id)],
  )
  const sides = Map.groupBy(postings, ({ entry_id: id }) => id)
  return pageOf(
    rows,
    limit,
    (row) => row.entry_id,
    (row) => ({
      id: row.entry_id,
      postedMs: row.posted_at.getTime(),
      description: row.description,
      invoiceId: row.invoice_id,
      postings: (sides.get(row.entry_id) ?? []).map(postingOf),
    }),
  )
}

function postingOf(row: PostingRow): Posting {
  const amount = money(BigInt(row.amount_minor), unwrap(parseCurrency(row.currency)))
  return { code: row.code, subject: row.subject, amount }
}
