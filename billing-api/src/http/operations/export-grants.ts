import { Type } from '@fastify/type-provider-typebox'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatAmount } from '@vouch/proto/kernel/money.ts'
import { formatInstant, parseInstant } from '@vouch/proto/kernel/period.ts'
import { at } from '../../catalogue/item.ts'
import { grantBalances } from '../../invoice/grants.ts'
import { findAccount } from '../../postgres/accounts.ts'
import { tariffOf } from '../../postgres/catalogue.ts'
import { contractsAt } from '../../postgres/contracts.ts'
import { openGrantBooks } from '../../postgres/grants.ts'
import { nextInvoiceFrom } from '../../postgres/late.ts'
import type { Table } from '../../ports.ts'
import { download } from '../download.ts'
import { found } from '../operation.ts'
import { Instant, Slug } from '../schemas.ts'

const CONTRACTS_MAX = 5000
const ROWS_MAX = 200_000

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
    'Grants of the contracts that are in force now, with what issued invoices used and what is left: to-come, usable by an invoice that is not issued yet, used-up or expired; with `expiresBefore` those that lose something until then',
  query: { account: Type.Optional(Slug), expiresBefore: Type.Optional(Instant) },
  run: async ({ database, chance }, { query: { account, expiresBefore } }) => {
    if (account !== undefined) found(await findAccount(database, account), `account ${account}`)
    const before =
      expiresBefore === undefined ? undefined : unwrap(at('/expiresBefore', parseInstant(expiresBefore)))
    const nowMs = chance.nowMs()
    const rows: Record<keyof typeof COLUMNS, string | null>[] = []
    const contracts = await contractsAt(database, nowMs, { account, limit: CONTRACTS_MAX + 1 })
    if (contracts.length > CONTRACTS_MAX)
      throwFault('OUT_OF_RANGE', `more than ${CONTRACTS_MAX} contracts; ask for one account`)
    const tariffs = new Map<string, Tariff>()
    for (const contract of contracts) {
      const version = `${contract.tariff} ${contract.tariffVersion}`
      const tariff = tariffs.get(version) ?? (await tariffOf(database, contract))
      tariffs.set(version, tariff)
      const entries = await openGrantBooks(database, contract.account).used(tariff.currency)
      const used = new Map(entries.map(({ grant, amount }) => [grant, amount]))
      // An invoice uses what had not expired when its period began.
      const openFrom = (await nextInvoiceFrom(database, contract.account)) ?? contract.period.from
      const balances = grantBalances(tariff, used, { nowMs, openFromMs: Math.min(openFrom, nowMs) })
      if (rows.length + balances.length > ROWS_MAX)
        throwFault('OUT_OF_RANGE', `more than ${ROWS_MAX} grants; ask for one account`)
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
