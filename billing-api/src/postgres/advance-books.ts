import { fromBinary } from '@bufbuild/protobuf'
import { SnapshotSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { BilledLine } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { contains, formatInstant } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { comesTo, stretchOf } from '../invoice/advance.ts'
import type { Advanced } from '../invoice/advance.ts'
import { SERIES, invoiceNumber } from '../invoice/invoice.ts'
import { contractsIn, ends } from './contracts.ts'
import type { Sql } from './database.ts'
import { billedLines } from './late.ts'

/** What an account was billed in advance, while the statements of one invoice are gone through in order. */
export interface AdvanceBooks {
  /** What was billed in advance for a stretch under a tariff that an invoice has now come to; once. */
  take(tariff: Tariff, inForce: Period): Promise<readonly BilledLine[]>
  /** What was billed in advance until the end of a period and is left after that: nothing of it is under contract any more. */
  passed(period: Period): Promise<readonly Advanced[]>
  /** Whether an issued invoice covers any of a period. */
  isInvoiced(period: Period, currency: string): Promise<boolean>
  /** Adds what a statement bills in advance. */
  add(advanced: Advanced): Promise<void>
}

/**
 * Opens the books of an account.
 *
 * @param untilMs invoices of periods that end later do not count; absent = all count.
 */
export function openAdvanceBooks(sql: Sql, account: string, untilMs?: number): AdvanceBooks {
  let left: Advanced[] | undefined
  const open = async () => (left ??= await openAdvances(sql, account, untilMs))
  return {
    take: async (tariff, inForce) => {
      const all = await open()
      const taken = all.filter((each) => comesTo(tariff, inForce, each))
      left = all.filter((each) => !taken.includes(each))
      return taken.flatMap(({ billed }) => billed)
    },
    passed: async (period) => {
      const gone: Advanced[] = []
      for (const each of await open()) {
        const { from } = each.inForce
        if (from >= period.to) continue
        // A period that was passed over may still get an invoice of its own.
        if (contains(period, from) || !(await isUnderContract(sql, account, each))) gone.push(each)
      }
      left = (await open()).filter((each) => !gone.includes(each))
      return gone
    },
    isInvoiced: async (period, currency) => {
      const rows = await sql.rows(
        `SELECT FROM billing.invoices WHERE account_id = $1 AND currency = $2 AND issued_at IS NOT NULL
           AND period && tstzrange($3, $4) AND ($5::timestamptz IS NULL OR upper(period) <= $5) LIMIT 1`,
        [account, currency, ...ends(period), untilText(untilMs)],
      )
      return rows.length > 0
    },
    add: async (advanced) => {
      left = [...(await open()), advanced]
    },
  }
}

async function isUnderContract(sql: Sql, account: string, { tariff, inForce }: Advanced): Promise<boolean> {
  const contracts = await contractsIn(sql, account, { from: inForce.from, to: inForce.from + 1 })
  return contracts.some((contract) => contract.tariff === tariff)
}

interface AdvanceRow {
  readonly invoice_id: string
  readonly ordinal: number
  readonly number: string
  readonly tariff_id: string
  readonly tariff_version: number
  readonly currency: string
  readonly snapshot: Buffer
}

/** Statements of issued invoices that bill in advance, which no issued invoice has come to or given back, in the order of invoices. */
async function openAdvances(sql: Sql, account: string, untilMs: number | undefined): Promise<Advanced[]> {
  const rows = await sql.rows<AdvanceRow>(
    `WITH issued AS (SELECT * FROM billing.invoices WHERE account_id = $1 AND issued_at IS NOT NULL
       AND ($2::timestamptz IS NULL OR upper(period) <= $2))
     SELECT s.invoice_id, s.ordinal, i.ordinal AS number, s.tariff_id, s.tariff_version, i.currency, s.snapshot
     FROM billing.invoice_statements s JOIN issued i USING (invoice_id)
     WHERE s.advance_from IS NOT NULL AND s.corrects IS NULL
       AND NOT EXISTS (SELECT FROM issued o WHERE o.currency = i.currency AND o.period @> s.advance_from)
       AND NOT EXISTS (SELECT FROM billing.invoice_statements b JOIN issued o USING (invoice_id)
         WHERE (b.corrects, b.corrects_ordinal) = (s.invoice_id, s.ordinal))
     ORDER BY i.ordinal, s.ordinal`,
    [account, untilText(untilMs)],
  )
  const found: Advanced[] = []
  for (const row of rows) {
    const ref = { invoice: row.invoice_id, ordinal: row.ordinal }
    const snapshot = fromBinary(SnapshotSchema, row.snapshot)
    found.push({
      ...stretchOf(snapshot),
      tariff: row.tariff_id,
      tariffVersion: row.tariff_version,
      currency: row.currency,
      billed: await billedLines(sql, { ref, snapshot }),
      by: { ref, number: invoiceNumber(SERIES, BigInt(row.number)) },
    })
  }
  return found
}

function untilText(untilMs: number | undefined): string | null {
  return untilMs === undefined ? null : formatInstant(untilMs)
}
