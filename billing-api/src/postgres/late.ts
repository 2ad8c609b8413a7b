import { fromBinary } from '@bufbuild/protobuf'
import { ChargeSchema, SnapshotSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { BilledLine, Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { SERIES, invoiceNumber } from '../invoice/invoice.ts'
import type { StatementRef } from '../invoice/invoice.ts'
import { billedLine } from '../invoice/late.ts'
import type { Sql } from './database.ts'

/** A statement of an issued invoice. */
export interface IssuedStatement {
  readonly ref: StatementRef
  /** Of the invoice. */
  readonly number: string
  readonly tariff: string
  readonly tariffVersion: number
  readonly snapshot: Snapshot
  /** The newest of its corrections that was issued, or itself. */
  readonly latest: Snapshot
}

interface IssuedRow {
  readonly invoice_id: string
  readonly ordinal: number
  readonly number: string
  readonly tariff_id: string
  readonly tariff_version: number
  readonly snapshot: Buffer
  readonly latest: Buffer | null
}

const ISSUED = `SELECT s.invoice_id, s.ordinal, i.ordinal AS number, s.tariff_id, s.tariff_version, s.snapshot,
  (SELECT c.snapshot FROM billing.invoice_statements c JOIN billing.invoices ci USING (invoice_id)
   WHERE (c.corrects, c.corrects_ordinal) = (s.invoice_id, s.ordinal) AND ci.issued_at IS NOT NULL
   ORDER BY ci.ordinal DESC LIMIT 1) AS latest
  FROM billing.invoice_statements s JOIN billing.invoices i USING (invoice_id)
  WHERE i.issued_at IS NOT NULL AND s.corrects IS NULL AND s.advance_from IS NULL`

/** Statements of issued invoices of an account, but those in advance, whose periods end in [since, until], in order of time. */
export async function issuedStatements(
  sql: Sql,
  account: string,
  sinceMs: number,
  untilMs: number,
): Promise<IssuedStatement[]> {
  const rows = await sql.rows<IssuedRow>(
    `${ISSUED} AND i.account_id = $1 AND upper(i.period) >= $2 AND upper(i.period) <= $3
     ORDER BY lower(i.period), i.ordinal, s.ordinal`,
    [account, formatInstant(sinceMs), formatInstant(untilMs)],
  )
  return rows.map(issuedOf)
}

/** The statements of an issued invoice that correct no other, in order. */
export async function statementsOfInvoice(sql: Sql, invoice: string): Promise<IssuedStatement[]> {
  const rows = await sql.rows<IssuedRow>(`${ISSUED} AND s.invoice_id = $1 ORDER BY s.ordinal`, [invoice])
  return rows.map(issuedOf)
}

/** Where the next invoice of an account begins: with the end of the last one that was issued; undefined = none was. */
export async function nextInvoiceFrom(sql: Sql, account: string): Promise<number | undefined> {
  const [row] = await sql.rows<{ from: string | null }>(
    `SELECT (extract(epoch FROM max(upper(period))) * 1000)::bigint AS from FROM billing.invoices
     WHERE account_id = $1 AND issued_at IS NOT NULL`,
    [account],
  )
  const from = row?.from ?? undefined
  return from === undefined ? undefined : Number(from)
}

/** What was billed of a statement in advance, its lines, and those of all its corrections that were issued, in the order of invoices. */
export async function billedLines(
  sql: Sql,
  { ref: { invoice, ordinal }, snapshot }: Pick<IssuedStatement, 'ref' | 'snapshot'>,
): Promise<BilledLine[]> {
  const rows = await sql.rows<{ charge: Buffer }>(
    `SELECT l.charge FROM billing.invoice_lines l JOIN billing.invoices i USING (invoice_id)
     JOIN billing.invoice_statements s ON (s.invoice_id, s.ordinal) = (l.invoice_id, l.statement)
     WHERE i.issued_at IS NOT NULL AND (
       (s.invoice_id, s.ordinal) = ($1, $2) OR (s.corrects, s.corrects_ordinal) = ($1, $2))
     ORDER BY i.ordinal, l.line_number`,
    [invoice, ordinal],
  )
  return [...snapshot.billed, ...rows.map(({ charge }) => billedLine(fromBinary(ChargeSchema, charge)))]
}

function issuedOf(row: IssuedRow): IssuedStatement {
  const snapshot = fromBinary(SnapshotSchema, row.snapshot)
  return {
    ref: { invoice: row.invoice_id, ordinal: row.ordinal },
    number: invoiceNumber(SERIES, BigInt(row.number)),
    tariff: row.tariff_id,
    tariffVersion: row.tariff_version,
    snapshot,
    latest: row.latest === null ? snapshot : fromBinary(SnapshotSchema, row.latest),
  }
}
