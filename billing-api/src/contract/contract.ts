import { INSTANT_MAX_MS, intersect } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { compareText } from '@vouch/proto/kernel/text-order.ts'
import type { AssignedResource } from '../ports.ts'

/** Who pays. */
export interface Account {
  readonly id: string
  readonly name: string
  /** IANA time zone in which months are cut. */
  readonly timeZone: string
}

/** A stretch of time that may have no end yet. */
export interface OpenPeriod {
  readonly from: number
  readonly to: number | undefined
}

/** How the periods of a contract are closed, and what becomes of usage that arrives later. */
export interface Closing {
  /** After a period's end before its usage is frozen. */
  readonly graceMinutes: number
  /**
   * With the next invoice, at the prices of its own period, as a correction of what was billed; or not at all: it is
   * reported by re-rating.
   */
  readonly lateUsage: 'next-invoice' | 'reject'
  /** Invoices whose periods begin so many days after a period's end take its late usage; the next one always does. */
  readonly lateDays: number
  /** A correction below it, in the tariff's currency and of either sign, is left until it is more. Decimal text. */
  readonly lateMinimum: string
}

/** No grace; late usage with the next invoice, for three months. */
export const CLOSING: Closing = { graceMinutes: 0, lateUsage: 'next-invoice', lateDays: 90, lateMinimum: '0' }

/** An account's tariff version over a stretch of time; one at a time for each account. */
export interface Contract {
  readonly id: string
  readonly account: string
  readonly tariff: string
  readonly tariffVersion: number
  readonly period: OpenPeriod
  /** The end of the term that was agreed; undefined = none was. */
  readonly agreedTo: number | undefined
  /** Whether an end before that is without a fee. */
  readonly isFeeWaived: boolean
  readonly closing: Closing
}

/** From where to where an account is under a tariff without a pause. */
export interface Agreement {
  readonly period: Period
  /** Where it ends, with the term that this cuts short; undefined = it cuts short none for which a fee is due. */
  readonly cutShort: { readonly atMs: number; readonly term: Period } | undefined
}

/** Whose bill a resource, with everything below it, is on over a stretch of time. */
export interface Assignment {
  readonly id: string
  readonly account: string
  readonly resource: string
  readonly period: OpenPeriod
  /** What prices may depend on, such as class or region. */
  readonly dimensions: Readonly<Record<string, string>>
}

/** The part of a period that one contract governs. */
export interface Stretch {
  readonly contract: Contract
  readonly period: Period
}

/** A period that has an end: where none is set, the last instant that can be kept. */
export function closed({ from, to }: OpenPeriod): Period {
  return { from, to: to ?? INSTANT_MAX_MS }
}

/** Cuts a period by contract, in order of time. Parts of different contracts never overlap, so no instant is rated twice. */
export function cutByContract(period: Period, contracts: readonly Contract[]): Stretch[] {
  return contracts
    .flatMap((contract) => {
      const part = intersect(closed(contract.period), period)
      return part === undefined ? [] : [{ contract, period: part }]
    })
    .toSorted((a, b) => a.period.from - b.period.from)
}

/**
 * From where to where a contract and those of the same tariff that it follows, or that follow it, run without a pause: a new version of
 * the tariff interrupts nothing.
 */
export function agreedOver(
  { tariff, period }: Pick<Contract, 'tariff' | 'period'>,
  contracts: readonly Pick<Contract, 'tariff' | 'period'>[],
): Period {
  const others = contracts.filter((other) => other.tariff === tariff).map((other) => closed(other.period))
  let { from, to } = closed(period)
  for (;;) {
    const before = others.find((other) => other.to === from)
    const after = others.find((other) => other.from === to)
    if (before === undefined && after === undefined) return { from, to }
    from = before?.from ?? from
    to = after?.to ?? to
  }
}

/**
 * The term that a contract and those of the same tariff that it follows, or that follow it, end before; of several terms the longest, from
 * where the contract began in which it was agreed. A
 * waiver at the end of one is for its own term, that of the last for all of them.
 */
export function termCutShort(contract: Contract, contracts: readonly Contract[]): Agreement['cutShort'] {
  const { from, to } = agreedOver(contract, contracts)
  const joined = contracts.filter(
    ({ tariff, period }) => tariff === contract.tariff && intersect(closed(period), { from, to }),
  )
  if (joined.some(({ period, isFeeWaived }) => isFeeWaived && closed(period).to === to)) return undefined
  const [term] = joined
    .flatMap(({ period, agreedTo, isFeeWaived }) =>
      agreedTo === undefined || agreedTo <= to || isFeeWaived ? [] : [{ from: period.from, to: agreedTo }],
    )
    .toSorted((a, b) => b.to - a.to || a.from - b.from)
  return term && { atMs: to, term }
}

/** What is agreed of the tariff of a contract, where all that it takes are as they are given. */
export function agreementIn(contract: Contract, contracts: readonly Contract[]): Agreement {
  return { period: agreedOver(contract, contracts), cutShort: termCutShort(contract, contracts) }
}

/** The part of each assignment that lies in a period, in order of resource, then of time. */
export function assignedIn(period: Period, assignments: readonly Assignment[]): AssignedResource[] {
  return assignments
    .flatMap(({ resource, dimensions, period: whole }) => {
      const part = intersect(closed(whole), period)
      return part === undefined ? [] : [{ resource, dimensions, period: part }]
    })
    .toSorted((a, b) => compareText(a.resource, b.resource) || a.period.from - b.period.from)
}
