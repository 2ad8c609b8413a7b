import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { SnapshotSchema, UnpricedSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { sha256 } from '@vouch/proto/seal/seal.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { periodOf } from '../invoice/invoice.ts'
import type { Statement } from '../invoice/invoice.ts'
import type { Sql } from './database.ts'

interface StatementRow {
  readonly tariff_id: string
  readonly tariff_version: number
  readonly snapshot: Buffer
  readonly unpriced: Buffer[]
  readonly corrects: string | null
  readonly corrects_ordinal: number | null
}

/** Enters the statements of a draft. */
export async function insertStatements(
  sql: Sql,
  invoice: string,
  statements: readonly Statement[],
): Promise<void> {
  for (const [ordinal, statement] of statements.entries()) {
    const snapshot = Buffer.from(toBinary(SnapshotSchema, statement.snapshot))
    await sql.rows(
      'INSERT INTO billing.invoice_statements VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
      [
        invoice,
        ordinal,
        statement.tariff,
        statement.tariffVersion,
        snapshot,
        sha256(snapshot),
        statement.unpriced.map((each) => Buffer.from(toBinary(UnpricedSchema, each))),
        statement.corrects?.invoice ?? null,
        statement.corrects?.ordinal ?? null,
        statement.snapshot.advance ? formatInstant(periodOf(statement.snapshot.inForce).from) : null,
      ],
    )
  }
}

/** The statements of an invoice, in order. */
export async function findStatements(sql: Sql, invoice: string): Promise<Statement[]> {
  const rows = await sql.rows<StatementRow>(
    `SELECT tariff_id, tariff_version, snapshot, unpriced, corrects, corrects_ordinal
     FROM billing.invoice_statements WHERE invoice_id = $1 ORDER BY ordinal`,
    [invoice],
  )
  return rows.map(statementOf)
}

function statementOf(row: StatementRow): Statement {
  const { corrects, corrects_ordinal: ordinal } = row
  return {
    tariff: row.tariff_id,
    tariffVersion: row.tariff_version,
    snapshot: fromBinary(SnapshotSchema, row.snapshot),
    unpriced: row.unpriced.map((each) => fromBinary(UnpricedSchema, each)),
    corrects: corrects === null || ordinal === null ? undefined : { invoice: corrects, ordinal },
  }
}
