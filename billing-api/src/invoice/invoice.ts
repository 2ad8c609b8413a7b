import type { Charge, Measurement, Snapshot, Unpriced } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { CurrencyCode } from '@vouch/proto/kernel/currency.ts'
import type { Money } from '@vouch/proto/kernel/money.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Division } from '../attribution/division.ts'

/** A side of the invoice. */
export interface Party {
  readonly id: string
  readonly name: string
}

/** One position. Its amount is its charge's. */
export interface InvoiceLine {
  /** Counts from 1. */
  readonly lineNumber: number
  /** Place of the statement that it follows from, from 0. */
  readonly statement: number
  readonly amount: Money
  /** Quantity, price and trace as rating gave them. */
  readonly charge: Charge
  /** How the amount divides over cost centres of the buyer; none where the buyer bears it as such. */
  readonly costCentres: Division
}

/** The statement of an issued invoice. */
export interface StatementRef {
  readonly invoice: string
  readonly ordinal: number
}

/** A stretch under one tariff, with what its lines were computed from. */
export interface Statement {
  readonly tariff: string
  readonly tariffVersion: number
  readonly snapshot: Snapshot
  readonly unpriced: readonly Unpriced[]
  /** What it corrects. */
  readonly corrects: StatementRef | undefined
}

/** Somebody's word that a draft held for review is to be issued as it is. */
export interface Release {
  readonly atMs: number
  /** The API key that gave it. */
  readonly actor: string
  readonly reason: string
}

/** What is to be billed; drawn anew at will until issued. */
export interface Draft {
  readonly seller: Party
  readonly buyer: Party
  readonly currency: CurrencyCode
  readonly period: Period
  /** IANA time zone of the buyer's account. */
  readonly timeZone: string
  readonly statements: readonly Statement[]
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
  /** Where lines of it were held for review, and somebody accepted them. */
  readonly release: Release | undefined
}

/** The measurements that a charge prices; none where it is older than snapshots. */
export function measurementsOf(
  { measurements }: Pick<Charge, 'measurements'>,
  snapshot: Snapshot | undefined,
): Measurement[] {
  return snapshot === undefined ? [] : measurements.map((place) => measurementAt(snapshot, place))
}

/** A measurement, with the numbers of the lines that price it. */
export interface Measured {
  readonly measurement: Measurement
  readonly lineNumbers: readonly number[]
}

/** All measurements that lines price, each once, in order of the first such line. */
export function measured({ lines, statements }: Pick<Draft, 'lines' | 'statements'>): Measured[] {
  const numbers = new Map<Measurement, number[]>()
  for (const { lineNumber, charge, statement } of lines) {
    for (const measurement of measurementsOf(charge, statements[statement]?.snapshot)) {
      numbers.set(measurement, [...(numbers.get(measurement) ?? []), lineNumber])
    }
  }
  return [...numbers].map(([measurement, lineNumbers]) => ({ measurement, lineNumbers }))
}

/** A period as messages of rating have it; from and to 1970 where there is none. */
export function periodOf({ fromMs, toMs }: PeriodMessage = NO_PERIOD): Period {
  return { from: Number(fromMs), to: Number(toMs) }
}

type PeriodMessage = { readonly fromMs: bigint; readonly toMs: bigint }
const NO_PERIOD: PeriodMessage = { fromMs: 0n, toMs: 0n }

/** The measurement at a place of a snapshot, from 0. Throws where there is none: rating made a mistake. */
export function measurementAt(snapshot: Snapshot | undefined, place: number): Measurement {
  const measurement = snapshot?.measurements[place]
  if (measurement === undefined) throw new Error(`there is no measurement ${place} in the snapshot`)
  return measurement
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
