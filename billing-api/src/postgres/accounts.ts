import { pageOf } from './page.ts'
import type { Page, PageRequest } from './page.ts'
import type { Account } from '../contract/contract.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { Sql } from './database.ts'

interface AccountRow {
  readonly account_id: string
  readonly name: string
  readonly time_zone: string
}

const COLUMNS = 'account_id, name, time_zone'

/** Adds an account. Faults: ALREADY_EXISTS. */
export async function insertAccount(sql: Sql, account: Account, nowMs: number): Promise<void> {
  await sql.rows(
    'INSERT INTO billing.accounts (account_id, name, time_zone, created_at) VALUES ($1, $2, $3, $4)',
    [account.id, account.name, account.timeZone, formatInstant(nowMs)],
  )
}

/** The account of this id. */
export async function findAccount(sql: Sql, id: string): Promise<Account | undefined> {
  const [row] = await sql.rows<AccountRow>(`SELECT ${COLUMNS} FROM billing.accounts WHERE account_id = $1`, [
    id,
  ])
  return row === undefined ? undefined : accountOf(row)
}

/**
 * The account, held until the transaction ends: whoever draws its invoices or changes what they are drawn
 * from waits for the other.
 */
export async function lockAccount(sql: Sql, id: string): Promise<Account | undefined> {
  const [row] = await sql.rows<AccountRow>(
    `SELECT ${COLUMNS} FROM billing.accounts WHERE account_id = $1 FOR UPDATE`,
    [id],
  )
  return row === undefined ? undefined : accountOf(row)
}

/** Accounts by id. */
export async function listAccounts(sql: Sql, { limit, after }: PageRequest): Promise<Page<Account>> {
  const rows = await sql.rows<AccountRow>(
    `SELECT ${COLUMNS} FROM billing.accounts WHERE account_id > coalesce($1, '') ORDER BY account_id LIMIT $2`,
    [after, limit + 1],
  )
  return pageOf(rows, limit, (row) => row.account_id, accountOf)
}

function accountOf(row: AccountRow): Account {
  return { id: row.account_id, name: row.name, timeZone: row.time_zone }
}
