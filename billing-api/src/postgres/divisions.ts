import { fromBinary } from '@bufbuild/protobuf'
import { ChargeSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { CurrencyCode } from '@vouch/proto/kernel/currency.ts'
import { money } from '@vouch/proto/kernel/money.ts'
import type { DividedLine, Division } from '../attribution/division.ts'
import { isUsage } from '../invoice/draft.ts'
import { exactOf, exactText } from '../invoice/exact.ts'
import type { StatementRef } from '../invoice/invoice.ts'
import type { Sql } from './database.ts'

/** A part as it is kept. */
interface Part {
  readonly costCentre?: string
  readonly minor: string
  readonly share?: string
}

/** What a line's column holds; null = it is not divided. */
export type PartsColumn = readonly Part[] | null

interface BilledRow {
  readonly charge: Buffer
  readonly amount_minor: string
  readonly cost_centres: PartsColumn
}

/** A division as a line's column holds it, JSON. */
export function partsText(division: Division): string | null {
  if (division.length === 0) return null
  return JSON.stringify(
    division.map(({ costCentre, amount, share }): Part => ({
      ...(costCentre === undefined ? {} : { costCentre }),
      minor: `${amount.minor}`,
      ...(share === undefined ? {} : { share: exactText(share) }),
    })),
  )
}

/** A division from a line's column. */
export function divisionOf(parts: PartsColumn, currency: CurrencyCode): Division {
  return (parts ?? []).map(({ costCentre, minor, share }) => ({
    costCentre,
    amount: money(BigInt(minor), currency),
    share: share === undefined ? undefined : exactOf(share),
  }))
}

/** The lines of a statement, and of all its corrections that were issued, as they were divided. */
export async function dividedLines(
  sql: Sql,
  { invoice, ordinal }: StatementRef,
  currency: CurrencyCode,
): Promise<DividedLine[]> {
  const rows = await sql.rows<BilledRow>(
    `SELECT l.charge, l.amount_minor, l.cost_centres
     FROM billing.invoice_lines l JOIN billing.invoices i USING (invoice_id)
     JOIN billing.invoice_statements s ON (s.invoice_id, s.ordinal) = (l.invoice_id, l.statement)
     WHERE i.issued_at IS NOT NULL AND (
       (s.invoice_id, s.ordinal) = ($1, $2) OR (s.corrects, s.corrects_ordinal) = ($1, $2))
     ORDER BY i.ordinal, l.line_number`,
    [invoice, ordinal],
  )
  return rows.map((row) => {
    const { lineId, ruleId: rule, kind } = fromBinary(ChargeSchema, row.charge)
    return {
      lineId,
      rule,
      isUsage: isUsage(kind),
      amount: money(BigInt(row.amount_minor), currency),
      parts: divisionOf(row.cost_centres, currency),
    }
  })
}
