import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Charge, Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Account } from '../contract/contract.ts'
import type { ChargeState } from '../invoice/charge-rows.ts'
import { chargeSteps } from '../invoice/charge-steps.ts'
import type { Calendar, ChargeStep } from '../invoice/charge-steps.ts'
import { periodOf } from '../invoice/invoice.ts'
import { usedParts } from '../invoice/used-parts.ts'
import type { Rating } from '../ports.ts'
import type { Books } from './books.ts'
import { tariffOf } from './catalogue.ts'
import type { Sql } from './database.ts'
import { rateAccount } from './draw.ts'
import { findInvoice, issuedAbout, issuedTouching } from './invoices.ts'
import { measureStretches } from './measure-stretches.ts'

/** The charges of a statement, and where they stand. */
export interface KnownCharges {
  readonly tariff: () => Promise<Tariff>
  readonly snapshot: Snapshot
  readonly charges: readonly Charge[]
  readonly standing: ChargeState
}

/** Lines of all issued invoices that say something of a period, statement by statement. */
export async function issuedCharges(sql: Sql, account: string, period: Period): Promise<KnownCharges[]> {
  const known: KnownCharges[] = []
  for (const id of await issuedAbout(sql, account, period)) {
    const { lines = [], statements = [], issue } = (await findInvoice(sql, id)) ?? {}
    const standing = { state: 'issued', number: issue?.number ?? '' } as const
    for (const [index, statement] of statements.entries())
      known.push({
        tariff: async () => tariffOf(sql, statement),
        snapshot: statement.snapshot,
        charges: lines.filter((line) => line.statement === index).map(({ charge }) => charge),
        standing,
      })
  }
  return known
}

/** What a month without an issued invoice comes to now; nothing where it has one, or has not begun. */
export async function openCharges(
  { sql, rating, nowMs }: { readonly sql: Sql; readonly rating: Rating; readonly nowMs: number },
  account: Account,
  month: Period,
  books: Books,
): Promise<KnownCharges[]> {
  if (month.from >= nowMs || (await issuedTouching(sql, account.id, month)).length > 0) return []
  const rated = await rateAccount({ sql, rating }, account, month, books)
  const standing = { state: month.to <= nowMs ? 'open' : 'running' } as const
  return rated.map(({ tariff, statement: { snapshot }, charges }) => {
    return { tariff: async () => tariff, snapshot, charges, standing }
  })
}

/** Some charges of a statement by steps of the calendar, in their order. Faults: those of rating. */
export async function steppedCharges(
  rating: Rating,
  { tariff, snapshot }: KnownCharges,
  charges: readonly Charge[],
  calendar: Calendar,
): Promise<ChargeStep[][]> {
  if (charges.length === 0) return []
  const usage = await rating.usageOfLines(await tariff(), snapshot)
  const partsOf = new Map(usage.map(({ lineId, parts }) => [lineId, usedParts(parts)]))
  const own = charges.map((charge) => ({ charge, parts: partsOf.get(charge.lineId) ?? [] }))
  const looking = { period: periodOf(snapshot.inForce), timeZone: calendar.timeZone, grain: calendar.step }
  const looks = own.flatMap(({ parts }) => parts.filter(({ even }) => !even))
  const measured = await measureStretches(rating, looking, looks)
  return own.map(({ charge, parts }) => chargeSteps(charge, parts, calendar, measured))
}
