import { create } from '@bufbuild/protobuf'
import { UsedGrantSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { Charge, UsedGrant } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatAmount, money, parseAmount } from '@vouch/proto/kernel/money.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { StatementRef } from '../invoice/invoice.ts'
import type { Sql } from './database.ts'

/** What an account uses of its grants, while the statements of one invoice are gone through in order. */
export interface GrantBooks {
  /**
   * What issued invoices, and the statements counted so far, used in a currency, by grant; but for a statement and its
   * corrections, where one is named.
   */
  used(currency: string, except?: StatementRef): Promise<UsedGrant[]>
  /** Counts what a statement's charges use. */
  count(charges: readonly Charge[]): void
}

/**
 * Opens the books of an account.
 *
 * @param untilMs invoices of periods that end later do not count; absent = all count.
 */
export function openGrantBooks(sql: Sql, account: string, untilMs?: number): GrantBooks {
  const counted: Charge[] = []
  return {
    used: async (name, except) => {
      const currency = unwrap(parseCurrency(name))
      const used = await issuedCredits(sql, { account, currency, untilMs, except })
      for (const { kind, pool, amount } of counted.filter((charge) => charge.currency === currency)) {
        if (kind === 'credit')
          used.set(pool, (used.get(pool) ?? 0n) - unwrap(parseAmount(amount, currency)).minor)
      }
      return [...used]
        .filter(([, minor]) => minor !== 0n)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([grant, minor]) =>
          create(UsedGrantSchema, { grant, amount: formatAmount(money(minor, currency)) }),
        )
    },
    count: (charges) => {
      for (const charge of charges) counted.push(charge)
    },
  }
}

/** Minor units by grant. */
async function issuedCredits(
  sql: Sql,
  {
    account,
    currency,
    untilMs,
    except,
  }: {
    readonly account: string
    readonly currency: string
    readonly untilMs: number | undefined
    readonly except: StatementRef | undefined
  },
): Promise<Map<string, bigint>> {
  const rows = await sql.rows<{ pool: string; used: string }>(
    `SELECT l.pool, -sum(l.amount_minor) AS used FROM billing.invoice_lines l JOIN billing.invoices i USING (invoice_id)
     JOIN billing.invoice_statements s ON (s.invoice_id, s.ordinal) = (l.invoice_id, l.statement)
     WHERE i.account_id = $1 AND i.currency = $2 AND i.issued_at IS NOT NULL AND l.kind = 'credit'
       AND ($3::uuid IS NULL OR ((s.invoice_id, s.ordinal) <> ($3, $4::int)
         AND (s.corrects, s.corrects_ordinal) IS DISTINCT FROM ($3, $4::int)))
     AND ($5::timestamptz IS NULL OR upper(i.period) <= $5) GROUP BY l.pool`,
    [
      account,
      currency,
      except?.invoice ?? null,
      except?.ordinal ?? 0,
      untilMs === undefined ? null : formatInstant(untilMs),
    ],
  )
  return new Map(rows.map(({ pool, used }) => [pool, BigInt(used)]))
}
