import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { UsageCorrectionSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { UsageCorrection } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { concernsAccount } from '../contract/usage-correction.ts'
import { periodOf } from '../invoice/invoice.ts'
import type { AssignedResource } from '../ports.ts'
import { ends } from './contracts.ts'
import type { Sql } from './database.ts'
import { pageOf } from './page.ts'
import type { Page, PageRequest } from './page.ts'

/** An entry, and the one that withdraws it. */
export interface KeptCorrection {
  readonly entry: UsageCorrection
  readonly withdrawnBy: string | undefined
}

interface Row {
  readonly correction_id: string
  readonly entry: Buffer
  readonly withdrawn_by: string | null
}

const KEPT = `SELECT c.correction_id, c.entry, w.correction_id AS withdrawn_by
  FROM billing.usage_corrections c LEFT JOIN billing.usage_corrections w ON w.withdraws = c.correction_id`

/** Holds the ledger, so that entries are made one at a time. Whoever holds accounts as well holds those first. */
export async function lockCorrections(sql: Sql): Promise<void> {
  await sql.rows('LOCK TABLE billing.usage_corrections IN SHARE ROW EXCLUSIVE MODE')
}

/** Keeps entries from being made until the transaction ends. */
export async function holdCorrections(sql: Sql): Promise<void> {
  await sql.rows('LOCK TABLE billing.usage_corrections IN SHARE MODE')
}

/** The sequence of the last entry; 0 where there is none. */
export async function lastCorrection(sql: Sql): Promise<bigint> {
  const [row] = await sql.rows<{ last: string }>(
    'SELECT coalesce(max(sequence), 0) AS last FROM billing.usage_corrections',
  )
  return BigInt(row?.last ?? 0)
}

/** Adds a signed entry. Fault: ALREADY_EXISTS where it withdraws one that is withdrawn. */
export async function insertCorrection(sql: Sql, entry: UsageCorrection): Promise<void> {
  const { correctionId, kind, resource, meter, period, fromAccount, toAccount, withdraws, enteredMs } = entry
  await sql.rows(
    `INSERT INTO billing.usage_corrections (correction_id, kind, resource, meter, period, from_account, to_account,
       withdraws, entered_at, entry)
     VALUES ($1, $2, $3, $4, tstzrange($5, $6), $7, $8, $9, $10, $11)`,
    [
      correctionId,
      kind,
      resource,
      meter,
      ...ends(periodOf(period)),
      fromAccount || null,
      toAccount || null,
      withdraws || null,
      formatInstant(Number(enteredMs)),
      Buffer.from(toBinary(UsageCorrectionSchema, entry)),
    ],
  )
}

/** The entry of this id. */
export async function findCorrection(sql: Sql, id: string): Promise<KeptCorrection | undefined> {
  const rows = await sql.rows<Row>(`${KEPT} WHERE c.correction_id = $1`, [id])
  return rows.map(keptOf)[0]
}

/** Entries that hold in a period: no withdrawals, and nothing that was withdrawn. */
export async function correctionsIn(sql: Sql, period: Period): Promise<UsageCorrection[]> {
  const rows = await sql.rows<Row>(
    `${KEPT} WHERE c.kind <> 'withdraw' AND w.correction_id IS NULL AND c.period && tstzrange($1, $2)
     ORDER BY c.correction_id`,
    ends(period),
  )
  return rows.map((row) => keptOf(row).entry)
}

/** Entries of any kind about a period that were made since a draft was drawn. */
export async function enteredSince(sql: Sql, invoice: string, period: Period): Promise<UsageCorrection[]> {
  const rows = await sql.rows<Row>(
    `${KEPT} WHERE c.sequence > (SELECT corrections_seen FROM billing.invoices WHERE invoice_id = $1)
     AND c.period && tstzrange($2, $3) ORDER BY c.sequence`,
    [invoice, ...ends(period)],
  )
  return rows.map((row) => keptOf(row).entry)
}

/** Entries that hold in a period and say something of what an account pays for. */
export async function correctionsFor(
  sql: Sql,
  account: string,
  period: Period,
  assigned: readonly AssignedResource[],
): Promise<UsageCorrection[]> {
  const all = await correctionsIn(sql, period)
  return all.filter((entry) => concernsAccount(entry, account, assigned))
}

/** Entries in the order of their making. */
export async function listCorrections(
  sql: Sql,
  { limit, after }: PageRequest,
): Promise<Page<KeptCorrection>> {
  const rows = await sql.rows<Row>(
    `${KEPT} WHERE $1::uuid IS NULL OR c.correction_id > $1 ORDER BY c.correction_id LIMIT $2`,
    [after ?? null, limit + 1],
  )
  return pageOf(rows, limit, (row) => row.correction_id, keptOf)
}

function keptOf({ entry, withdrawn_by: by }: Row): KeptCorrection {
  return { entry: fromBinary(UsageCorrectionSchema, entry), withdrawnBy: by ?? undefined }
}
