import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { ChargeSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { money } from '@vouch/proto/kernel/money.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { SERIES, invoiceNumber } from '../invoice/invoice.ts'
import type { Draft, Invoice, InvoiceLine } from '../invoice/invoice.ts'
import type { OpenPeriod } from '../contract/contract.ts'
import { ends } from './contracts.ts'
import { divisionOf, partsText } from './divisions.ts'
import type { PartsColumn } from './divisions.ts'
import { pageOf } from './page.ts'
import { findRelease } from './releases.ts'
import { findStatements, insertStatements } from './statements.ts'
import type { Page, PageRequest } from './page.ts'
import type { Sql } from './database.ts'

interface InvoiceRow {
  readonly invoice_id: string
  readonly account_id: string
  readonly buyer_name: string
  readonly seller_id: string
  readonly seller_name: string
  readonly currency: string
  readonly from: Date
  readonly to: Date
  readonly time_zone: string
  readonly total_minor: string
  readonly created_at: Date
  readonly series: string | null
  readonly ordinal: string | null
  readonly issued_at: Date | null
  readonly sha256: Buffer | null
}

interface LineRow {
  readonly line_number: number
  readonly statement: number | null
  readonly description: string
  readonly amount_minor: string
  readonly charge: Buffer
  readonly cost_centres: PartsColumn
}

/** An invoice without its statements and lines, as listings show it. */
export type InvoiceHead = Omit<Invoice, 'lines' | 'statements' | 'release'>

/** Which invoices to list. */
export interface InvoiceFilter {
  readonly account: string | undefined
  readonly issued: boolean | undefined
}

const SELECT = `SELECT invoice_id, account_id, buyer_name, seller_id, seller_name, currency,
  lower(period) AS "from", upper(period) AS "to", time_zone, total_minor, created_at, series, ordinal, issued_at,
  p.sha256 FROM billing.invoices LEFT JOIN billing.proofs p USING (invoice_id)`

/** Removes the drafts of an account over the very same period. */
export async function deleteDraftsOver(sql: Sql, account: string, period: Period): Promise<void> {
  await sql.rows(
    'DELETE FROM billing.invoices WHERE account_id = $1 AND period = tstzrange($2, $3) AND issued_at IS NULL',
    [account, ...ends(period)],
  )
}

/** Enters a draft. Faults: ALREADY_EXISTS on overlap. */
export async function insertDraft(
  sql: Sql,
  id: string,
  draft: Draft,
  { nowMs, seen }: { readonly nowMs: number; readonly seen: bigint },
): Promise<void> {
  await sql.rows(
    `INSERT INTO billing.invoices (invoice_id, account_id, buyer_name, seller_id, seller_name, currency, period,
       time_zone, total_minor, created_at, corrections_seen)
     VALUES ($1, $2, $3, $4, $5, $6, tstzrange($7, $8), $9, $10, $11, $12)`,
    [
      id,
      draft.buyer.id,
      draft.buyer.name,
      draft.seller.id,
      draft.seller.name,
      draft.currency,
      ...ends(draft.period),
      draft.timeZone,
      draft.total.minor,
      formatInstant(nowMs),
      seen,
    ],
  )
  await insertStatements(sql, id, draft.statements)
  await insertLines(sql, id, draft)
}

async function insertLines(sql: Sql, id: string, { lines, statements }: Draft): Promise<void> {
  const statementOf = ({ statement }: InvoiceLine) => statements[statement]!
  await sql.rows(
    `INSERT INTO billing.invoice_lines (invoice_id, line_number, description, tariff_id, tariff_version, item_id,
       amount_minor, charge, statement, kind, pool, cost_centres)
     SELECT $1, l.* FROM unnest($2::int[], $3::text[], $4::text[], $5::int[], $6::text[], $7::bigint[], $8::bytea[],
       $9::int[], $10::text[], $11::text[], $12::jsonb[]) AS l`,
    [
      id,
      lines.map(({ lineNumber }) => lineNumber),
      lines.map(({ charge }) => charge.description),
      lines.map((line) => statementOf(line).tariff),
      lines.map((line) => statementOf(line).tariffVersion),
      lines.map(({ charge }) => charge.itemId),
      lines.map(({ amount }) => amount.minor),
      lines.map(({ charge }) => Buffer.from(toBinary(ChargeSchema, charge))),
      lines.map(({ statement }) => statement),
      lines.map(({ charge }) => charge.kind),
      lines.map(({ charge }) => charge.pool),
      lines.map(({ costCentres }) => partsText(costCentres)),
    ],
  )
}

/** Removes a draft; the database refuses for an issued invoice. */
export async function deleteDraft(sql: Sql, id: string): Promise<void> {
  await sql.rows('DELETE FROM billing.invoices WHERE invoice_id = $1', [id])
}

/** The invoice with its statements and lines. `lock` holds it until the transaction ends. */
export async function findInvoice(sql: Sql, id: string, lock = false): Promise<Invoice | undefined> {
  // A statement of its own: the next one then sees what whoever held it before has committed.
  if (lock) await sql.rows('SELECT FROM billing.invoices WHERE invoice_id = $1 FOR UPDATE', [id])
  const [row] = await sql.rows<InvoiceRow>(`${SELECT} WHERE invoice_id = $1`, [id])
  if (row === undefined) return undefined
  const head = headOf(row)
  const lines = await sql.rows<LineRow>(
    `SELECT line_number, statement, description, amount_minor, charge, cost_centres
     FROM billing.invoice_lines WHERE invoice_id = $1 ORDER BY line_number`,
    [id],
  )
  const statements = await findStatements(sql, id)
  const release = await findRelease(sql, id)
  return { ...head, statements, release, lines: lines.map((line) => lineOf(line, head.currency)) }
}

/** Invoices by id, which is the order of their making. */
export async function listInvoices(
  sql: Sql,
  { account, issued }: InvoiceFilter,
  { limit, after }: PageRequest,
): Promise<Page<InvoiceHead>> {
  const rows = await sql.rows<InvoiceRow>(
    `${SELECT} WHERE ($1::uuid IS NULL OR invoice_id > $1) AND ($2::text IS NULL OR account_id = $2)
       AND ($3::boolean IS NULL OR (issued_at IS NOT NULL) = $3) ORDER BY invoice_id LIMIT $4`,
    [after, account, issued, limit + 1],
  )
  return pageOf(rows, limit, (row) => row.invoice_id, headOf)
}

/** Issued invoices whose periods end in (from, to], by number, at most `limit`. */
export async function issuedWithin(
  sql: Sql,
  { from, to }: Period,
  account: string | undefined,
  limit: number,
): Promise<string[]> {
  const rows = await sql.rows<{ invoice_id: string }>(
    `SELECT invoice_id FROM billing.invoices WHERE issued_at IS NOT NULL AND upper(period) > $1 AND upper(period) <= $2
       AND ($3::text IS NULL OR account_id = $3) ORDER BY series, ordinal LIMIT $4`,
    [formatInstant(from), formatInstant(to), account, limit],
  )
  return rows.map(({ invoice_id: id }) => id)
}

/** An invoice of the account, draft or issued, that touches the period. */
export async function invoiceTouching(
  sql: Sql,
  account: string,
  period: OpenPeriod,
): Promise<InvoiceHead | undefined> {
  const rows = await sql.rows<InvoiceRow>(
    `${SELECT} WHERE account_id = $1 AND period && tstzrange($2, $3) ORDER BY issued_at NULLS LAST LIMIT 1`,
    [account, ...ends(period)],
  )
  return rows.map(headOf)[0]
}

/** Issued invoices of the account that touch the period. */
export async function issuedTouching(
  sql: Sql,
  account: string,
  period: Period,
): Promise<
  { readonly id: string; readonly number: string; readonly currency: string; readonly period: Period }[]
> {
  const rows = await sql.rows<InvoiceRow>(
    `${SELECT} WHERE account_id = $1 AND period && tstzrange($2, $3) AND issued_at IS NOT NULL ORDER BY ordinal`,
    [account, ...ends(period)],
  )
  return rows
    .map(headOf)
    .map(({ id, issue, currency, period: own }) => ({ id, number: issue!.number, currency, period: own }))
}

/**
 * Ids of issued invoices that say something of a period, in the order of their numbers: those over it, their corrections, and those that
 * billed it in advance.
 */
export async function issuedAbout(sql: Sql, account: string, period: Period): Promise<string[]> {
  const rows = await sql.rows<{ invoice_id: string }>(
    `WITH issued AS (SELECT invoice_id, ordinal, period FROM billing.invoices
       WHERE account_id = $1 AND issued_at IS NOT NULL)
     SELECT i.invoice_id FROM issued i WHERE i.period && tstzrange($2, $3) OR EXISTS (
       SELECT FROM billing.invoice_statements s WHERE s.invoice_id = i.invoice_id AND (
         tstzrange($2, $3) @> s.advance_from OR s.corrects IN (
           SELECT o.invoice_id FROM issued o WHERE o.period && tstzrange($2, $3))))
     ORDER BY i.ordinal`,
    [account, ...ends(period)],
  )
  return rows.map(({ invoice_id: id }) => id)
}

/** The next number; nobody else gets one until the transaction ends, and none is lost if it fails. */
export async function nextOrdinal(sql: Sql): Promise<bigint> {
  const [row] = await sql.rows<{ last: string }>(
    'SELECT last FROM billing.number_series WHERE series = $1 FOR UPDATE',
    [SERIES],
  )
  if (row === undefined) throw new Error(`the series ${SERIES} is gone`)
  return BigInt(row.last) + 1n
}

/** Makes a draft an issued invoice with its proof. */
export async function markIssued(
  sql: Sql,
  id: string,
  ordinal: bigint,
  atMs: number,
  proof: { readonly text: Uint8Array; readonly sha256: Uint8Array },
): Promise<void> {
  await sql.rows('INSERT INTO billing.proofs (invoice_id, sha256, body) VALUES ($1, $2, $3)', [
    id,
    proof.sha256,
    proof.text,
  ])
  await sql.rows(
    'UPDATE billing.invoices SET series = $2, ordinal = $3, issued_at = $4 WHERE invoice_id = $1',
    [id, SERIES, ordinal, formatInstant(atMs)],
  )
}

/** The text of an issued invoice's proof. */
export async function findProof(sql: Sql, id: string): Promise<Uint8Array | undefined> {
  const [row] = await sql.rows<{ body: Buffer }>('SELECT body FROM billing.proofs WHERE invoice_id = $1', [
    id,
  ])
  return row?.body
}

function headOf(row: InvoiceRow): InvoiceHead {
  const currency = unwrap(parseCurrency(row.currency))
  return {
    id: row.invoice_id,
    seller: { id: row.seller_id, name: row.seller_name },
    buyer: { id: row.account_id, name: row.buyer_name },
    currency,
    period: { from: row.from.getTime(), to: row.to.getTime() },
    timeZone: row.time_zone,
    total: money(BigInt(row.total_minor), currency),
    createdMs: row.created_at.getTime(),
    issue: issueOf(row),
  }
}

function issueOf({ series, ordinal, issued_at: at, sha256 }: InvoiceRow): Invoice['issue'] {
  if (series === null || ordinal === null || at === null || sha256 === null) return undefined
  return { number: invoiceNumber(series, BigInt(ordinal)), atMs: at.getTime(), proofSha256: sha256 }
}

function lineOf(row: LineRow, currency: Invoice['currency']): InvoiceLine {
  const charge = fromBinary(ChargeSchema, row.charge)
  // Charges did not always say in words what they are for, nor by which kind: all were usage.
  charge.description ||= row.description
  charge.kind ||= 'usage'
  return {
    lineNumber: row.line_number,
    // None where it is older than statements: its tariff is in its proof.
    statement: row.statement ?? -1,
    amount: money(BigInt(row.amount_minor), currency),
    charge,
    costCentres: divisionOf(row.cost_centres, currency),
  }
}
