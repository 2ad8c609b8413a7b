import type { Charge } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { CurrencyCode } from '@vouch/proto/kernel/currency.ts'
import type { Money } from '@vouch/proto/kernel/money.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'

/** A side of the invoice. */
export interface Party {
  readonly id: string
  readonly name: string
}

/** One position. Its amount is its charge's. */
export interface InvoiceLine {
  /** Counts from 1. */
  readonly lineNumber: number
  readonly description: string
  readonly tariff: string
  readonly tariffVersion: number
  readonly amount: Money
  /** Quantity, price, trace and evidence as rating gave them. */
  readonly charge: Charge
}

/** What is to be billed; drawn anew at will until issued. */
export interface Draft {
  readonly seller: Party
  readonly buyer: Party
  readonly currency: CurrencyCode
  readonly period: Period
  /** IANA time zone of the buyer's account. */
  readonly timeZone: string
  readonly lines: readonly InvoiceLine[]
  readonly total: Money
}

/** What issuing adds. */
export interface Issue {
  /** Gapless within its series. */
  readonly number: string
  readonly atMs: number
  /** SHA-256 of the proof's text. */
  readonly proofSha256: Uint8Array
}

/** A draft in the books, or an issued invoice. */
export interface Invoice extends Draft {
  readonly id: string
  readonly createdMs: number
  readonly issue: Issue | undefined
}

/** The series of invoice numbers. */
export const SERIES = 'INV'

const NUMBER_DIGITS = 6

/** The number of the nth invoice of a series, from 1: `INV-000001`. */
export function invoiceNumber(series: string, ordinal: bigint): string {
  if (ordinal < 1n) throw new RangeError('invoice numbers count from 1')
  return `${series}-${ordinal.toString().padStart(NUMBER_DIGITS, '0')}`
}

const DAY_MS = 86_400_000

/**
 * Until when what an invoice rests on is kept, epoch milliseconds: so many days from the end of the
 * calendar year (UTC) of its issue, as German law counts (§ 147 (4) AO).
 */
export function retainUntil(issuedMs: number, retentionDays: number): number {
  const year = Temporal.Instant.fromEpochMilliseconds(issuedMs).toZonedDateTimeISO('UTC').year
  return Date.UTC(year + 1, 0, 1) + retentionDays * DAY_MS
}
