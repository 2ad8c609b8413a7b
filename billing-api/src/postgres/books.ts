import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Charge } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { openAdvanceBooks } from './advance-books.ts'
import type { AdvanceBooks } from './advance-books.ts'
import type { Sql } from './database.ts'
import { openGrantBooks } from './grants.ts'
import type { GrantBooks } from './grants.ts'
import { openWindowBooks } from './windows.ts'
import type { WindowBooks } from './windows.ts'

/** What earlier documents of an account say for later ones, while the statements of one invoice are gone through in order. */
export interface Books {
  readonly grants: Pick<GrantBooks, 'used'>
  readonly windows: Pick<WindowBooks, 'of'>
  readonly advances: AdvanceBooks
  /** Counts what a statement's charges use and bill. */
  count(tariff: Pick<Tariff, 'tariffId'>, charges: readonly Charge[]): void
}

/**
 * Opens the books of an account.
 *
 * @param untilMs invoices of periods that end later do not count; absent = all count.
 */
export function openBooks(sql: Sql, account: string, untilMs?: number): Books {
  const grants = openGrantBooks(sql, account, untilMs)
  const windows = openWindowBooks(sql, account, untilMs)
  return {
    grants,
    windows,
    advances: openAdvanceBooks(sql, account, untilMs),
    count: ({ tariffId }, charges) => {
      grants.count(charges)
      windows.count(tariffId, charges)
    },
  }
}
