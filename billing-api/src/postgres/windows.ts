import { create, fromBinary } from '@bufbuild/protobuf'
import { PeriodSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Period as PeriodMessage, Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { ChargeSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { Charge } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { windowAt } from '@vouch/proto/kernel/window.ts'
import { sumLines, windowsOf } from '../invoice/windows.ts'
import type { Windows } from '../invoice/windows.ts'
import type { Agreement } from '../contract/contract.ts'
import type { Sql } from './database.ts'

/** The stretch of a document for which earlier ones count. */
export interface WindowPlace {
  readonly inForce: Period
  readonly timeZone: string
  readonly agreed: Agreement
}

/** What earlier documents of an account billed in windows, while the statements of one invoice are gone through in order. */
export interface WindowBooks {
  /**
   * What issued invoices, and the statements counted so far, billed under a tariff before a stretch, from where its windows begin; nothing where
   * no rule counts over a window. Beside it the term that ends early with the stretch, where a rule asks a fee for that.
   */
  of(tariff: Tariff, place: WindowPlace): Promise<Windows>
  /** Counts what a statement's charges bill. */
  count(tariff: string, charges: readonly Charge[]): void
}

/**
 * Opens the books of an account.
 *
 * @param untilMs invoices of periods that end later do not count; absent = all count.
 */
export function openWindowBooks(sql: Sql, account: string, untilMs?: number): WindowBooks {
  const counted: { readonly tariff: string; readonly charge: Charge }[] = []
  return {
    of: async (tariff, { inForce, timeZone: zone, agreed }) => {
      const names = windowsOf(tariff)
      const term = termAt(tariff, inForce, agreed)
      if (names.length === 0) return { windowBilled: [], term }
      const starts = names.map(
        (name) => windowAt(name, inForce.from, { zone, contractFromMs: agreed.period.from }).from,
      )
      const within = { from: Math.max(agreed.period.from, Math.min(...starts)), to: inForce.from }
      const currency = unwrap(parseCurrency(tariff.currency))
      const issued = await issuedCharges(sql, { account, tariff, sinceMs: within.from, untilMs })
      const own = counted
        .filter((each) => each.tariff === tariff.tariffId && each.charge.currency === currency)
        .map(({ charge }) => charge)
      return {
        windowBilled: sumLines([...issued, ...own], within, currency),
        contract: messageOf(agreed.period),
        term,
      }
    },
    count: (tariff, charges) => {
      for (const charge of charges) counted.push({ tariff, charge })
    },
  }
}

/** The term that ends early with a stretch, where a rule asks for it. */
function termAt({ rules }: Tariff, { to }: Period, { cutShort }: Agreement): PeriodMessage | undefined {
  const isDue = cutShort?.atMs === to && rules.some(({ kind }) => kind === 'termination')
  return isDue ? messageOf(cutShort.term) : undefined
}

function messageOf({ from, to }: Period): PeriodMessage {
  return create(PeriodSchema, { fromMs: BigInt(from), toMs: BigInt(to) })
}

/** Charges of issued invoices whose periods end at an instant or later, corrections among them. */
async function issuedCharges(
  sql: Sql,
  {
    account,
    tariff: { tariffId, currency },
    sinceMs,
    untilMs,
  }: {
    readonly account: string
    readonly tariff: Tariff
    readonly sinceMs: number
    readonly untilMs: number | undefined
  },
): Promise<Charge[]> {
  const rows = await sql.rows<{ charge: Buffer }>(
    `SELECT l.charge FROM billing.invoice_lines l JOIN billing.invoices i USING (invoice_id)
     WHERE i.account_id = $1 AND l.tariff_id = $2 AND i.currency = $3 AND i.issued_at IS NOT NULL
       AND upper(i.period) >= $4 AND ($5::timestamptz IS NULL OR upper(i.period) <= $5)`,
    [
      account,
      tariffId,
      currency,
      formatInstant(sinceMs),
      untilMs === undefined ? null : formatInstant(untilMs),
    ],
  )
  return rows.map(({ charge }) => fromBinary(ChargeSchema, charge))
}
