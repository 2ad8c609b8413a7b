import { Type } from '@fastify/type-provider-typebox'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatAmount } from '@vouch/proto/kernel/money.ts'
import { formatInstant, parseInstant } from '@vouch/proto/kernel/period.ts'
import { at } from '../../catalogue/item.ts'
import { grantBalances } from '../../invoice/grants.ts'
import { findAccount } from '../../postgres/accounts.ts'
import { tariffOf } from '../../postgres/catalogue.ts'
import { contractsAt } from '../../postgres/contracts.ts'
import { openGrantBooks } from '../../postgres/grants.ts'
import type { Table } from '../../ports.ts'
import { download } from '../download.ts'
import { found } from '../operation.ts'
import { Instant, Slug } from '../schemas.ts'

const COLUMNS = {
  Account: 'text',
  Tariff: 'text',
  Rule: 'text',
  Grant: 'text',
  Currency: 'text',
  Amount: 'decimal',
  Used: 'decimal',
  Left: 'decimal',
  From: 'instant',
  Expires: 'instant',
  Standing: 'text',
} as const satisfies Table['columns']

/** GET /v1/exports/grants */
export const exportGrants = download({
  id: 'exportGrants',
  path: '/v1/exports/grants',
  scope: 'read',
  summary:
    'Grants of the contracts that are in force now, with what issued invoices used and what is left: to-come, usable, used-up or expired; with `expiresBefore` those that lose something until then',
  query: { account: Type.Optional(Slug), expiresBefore: Type.Optional(Instant) },
  run: async ({ database, chance }, { query: { account, expiresBefore } }) => {
    if (account !== undefined) found(await findAccount(database, account), `account ${account}`)
    const before =
      expiresBefore === undefined ? undefined : unwrap(at('/expiresBefore', parseInstant(expiresBefore)))
    const nowMs = chance.nowMs()
    const rows: Record<keyof typeof COLUMNS, string | null>[] = []
    for (const contract of await contractsAt(database, nowMs, account)) {
      const tariff = await tariffOf(database, contract)
      const used = await openGrantBooks(database, contract.account).used(tariff.currency)
      const balances = grantBalances(tariff, new Map(used.map(({ grant, amount }) => [grant, amount])), nowMs)
      for (const { rule, grant, amount, used: gone, left, fromMs, expiresMs, standing } of balances) {
        const isLost = standing !== 'used-up' && standing !== 'expired' && expiresMs !== undefined
        if (before !== undefined && !(isLost && expiresMs < before)) continue
        rows.push({
          Account: contract.account,
          Tariff: contract.tariff,
          Rule: rule,
          Grant: grant,
          Currency: amount.currency,
          Amount: formatAmount(amount),
          Used: formatAmount(gone),
          Left: formatAmount(left),
          From: fromMs === undefined ? null : formatInstant(fromMs),
          Expires: expiresMs === undefined ? null : formatInstant(expiresMs),
          Standing: standing,
        })
      }
    }
    return { columns: COLUMNS, rows }
  },
})
