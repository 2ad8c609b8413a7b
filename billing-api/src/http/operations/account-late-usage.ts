import { Type } from '@fastify/type-provider-typebox'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatAmount, parseAmount, sumMoney } from '@vouch/proto/kernel/money.ts'
import { formatInstant, parsePeriod } from '@vouch/proto/kernel/period.ts'
import type { Account } from '../../contract/contract.ts'
import { periodOf } from '../../invoice/invoice.ts'
import { isWorthwhile, lateStanding, measuresAlike } from '../../invoice/late.ts'
import { skippedOf } from '../../invoice/skipped.ts'
import { findAccount } from '../../postgres/accounts.ts'
import { tariffOf } from '../../postgres/catalogue.ts'
import { contractOf } from '../../postgres/correct.ts'
import { issuedStatements, nextInvoiceFrom } from '../../postgres/late.ts'
import type { IssuedStatement } from '../../postgres/late.ts'
import { rerated } from '../../postgres/rerate.ts'
import type { Table } from '../../ports.ts'
import { download } from '../download.ts'
import { found } from '../operation.ts'
import type { Services } from '../operation.ts'
import { Instant, Slug } from '../schemas.ts'

const COLUMNS = {
  InvoiceNumber: 'text',
  From: 'instant',
  To: 'instant',
  Tariff: 'text',
  Difference: 'decimal',
  Currency: 'text',
  Standing: 'text',
} as const satisfies Table['columns']

/** A row of them; the difference is null where it cannot be told. */
type LateRow = Record<keyof typeof COLUMNS, string | null>

/** GET /v1/accounts/{account}/late-usage */
export const accountLateUsage = download({
  id: 'accountLateUsage',
  path: '/v1/accounts/:account/late-usage',
  scope: 'read',
  summary:
    'What became known of invoiced usage since, for invoices whose period ends in [from, to], with what it comes to and whether the next invoice takes it: next-invoice, contract-rejects, too-old, too-small, no-contract; or why it cannot be told',
  params: Type.Object({ account: Slug }),
  query: { from: Instant, to: Instant },
  run: async (services, { params: { account: id }, query }) => {
    const account = found(await findAccount(services.database, id), `account ${id}`)
    const { from, to } = unwrap(parsePeriod(query.from, query.to))
    const nextFrom = (await nextInvoiceFrom(services.database, id)) ?? from
    const rows: LateRow[] = []
    for (const statement of await issuedStatements(services.database, id, from, to)) {
      const row = await lateRow(services, account, statement, nextFrom)
      if (row !== undefined) rows.push(row)
    }
    return { columns: COLUMNS, rows }
  },
})

/** What is late of a statement; undefined where nothing is. */
async function lateRow(
  { database: sql, rating }: Services,
  account: Account,
  statement: IssuedStatement,
  nextFrom: number,
): Promise<LateRow | undefined> {
  const tariff = await tariffOf(sql, statement)
  const { from, to } = periodOf(statement.snapshot.inForce)
  const row = {
    InvoiceNumber: statement.number,
    From: formatInstant(from),
    To: formatInstant(to),
    Tariff: `${statement.tariff} ${statement.tariffVersion}`,
    Currency: tariff.currency,
  }
  try {
    const { snapshot, charges } = await rerated({ sql, rating }, account.id, statement, {
      tariff,
      isFrozen: false,
    })
    if (measuresAlike(snapshot, statement.latest)) return undefined
    const currency = unwrap(parseCurrency(tariff.currency))
    const amounts = charges.map(({ amount }) => unwrap(parseAmount(amount, currency)))
    const contract = await contractOf(sql, account.id, statement)
    const difference = { ...row, Difference: formatAmount(sumMoney(amounts, currency)) }
    if (contract === undefined) return { ...difference, Standing: 'no-contract' }
    const standing = lateStanding(contract, statement.snapshot, nextFrom)
    const isSmall = !isWorthwhile(charges, tariff, contract.closing.lateMinimum)
    return { ...difference, Standing: standing === 'next-invoice' && isSmall ? 'too-small' : standing }
  } catch (error) {
    return { ...row, Difference: null, Standing: skippedOf(account.id, error).code }
  }
}
