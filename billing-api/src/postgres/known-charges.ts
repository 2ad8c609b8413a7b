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
import { openBooks } from './books.ts'
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

/** What known charges follow from. */
interface KnownContext {
  readonly sql: Sql
  readonly rating: Rating
  readonly nowMs: number
}

/**
 * Lines of all issued invoices that say something of consecutive months, then what each of them without an issued invoice comes to now; one statement
 * after the other, as each may be large.
 */
export async function* knownCharges(
  context: KnownContext,
  account: Account,
  months: readonly Period[],
): AsyncGenerator<KnownCharges> {
  const whole = { from: months[0]!.from, to: months.at(-1)!.to }
  for (const id of await issuedAbout(context.sql, account.id, whole)) yield* issuedCharges(context.sql, id)
  const books = openBooks(context.sql, account.id)
  for (const month of months) yield* await openCharges(context, account, month, books)
}

async function* issuedCharges(sql: Sql, id: string): AsyncGenerator<KnownCharges> {
  const { lines = [], statements = [], issue } = (await findInvoice(sql, id)) ?? {}
  const standing = { state: 'issued', number: issue?.number ?? '' } as const
  for (const [index, statement] of statements.entries())
    yield {
      tariff: async () => tariffOf(sql, statement),
      snapshot: statement.snapshot,
      charges: lines.filter((line) => line.statement === index).map(({ charge }) => charge),
      standing,
    }
}

/** Nothing where the month has an issued invoice, or has not begun. */
async function openCharges(
  { sql, rating, nowMs }: KnownContext,
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
