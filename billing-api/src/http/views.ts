import type { Static } from '@fastify/type-provider-typebox'
import type { Item, Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { formatAmount } from '@vouch/proto/kernel/money.ts'
import type { Money } from '@vouch/proto/kernel/money.ts'
import { formatInstant, parseInstant, parsePeriod } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { AuditRow } from '../audit/chain.ts'
import { STAGES } from '../catalogue/item.ts'
import type { Assignment, Contract, OpenPeriod } from '../contract/contract.ts'
import type { PostedEntry } from '../postgres/journal.ts'
import type { ContractReply } from './contract-schemas.ts'
import type * as schema from './schemas.ts'

/** An amount as the interface shows it. */
export function amountView(amount: Money): Static<typeof schema.Amount> {
  return { amount: formatAmount(amount), currency: amount.currency }
}

/** A period as the interface shows it. */
export function periodView({ from, to }: Period): Static<typeof schema.PeriodBody> {
  return { from: formatInstant(from), to: formatInstant(to) }
}

/** A period that may have no end. */
export function openPeriodView({ from, to }: OpenPeriod): Static<typeof schema.OpenPeriodBody> {
  return { from: formatInstant(from), ...(to === undefined ? {} : { to: formatInstant(to) }) }
}

/** Reads a period that may have no end. Faults: INSTANT_INVALID, PERIOD_REVERSED. */
export function openPeriodOf({ from, to }: Static<typeof schema.OpenPeriodBody>): Result<OpenPeriod> {
  if (to !== undefined) return parsePeriod(from, to)
  const start = parseInstant(from)
  return start.ok ? ok({ from: start.value, to: undefined }) : start
}

/** The version that a query names. */
export function versionOf({ version }: Static<typeof schema.VersionQuery>): number | undefined {
  return version === undefined ? undefined : Number.parseInt(version, 10)
}

/** An item. */
export function itemView(item: Item): Static<typeof schema.ItemReply> {
  const { itemId: id, version, name, meter, unit, quantityRounding, threshold, increment } = item
  const rounding = { mode: quantityRounding?.mode ?? '', scale: quantityRounding?.scale ?? 0 }
  return {
    id,
    version,
    name,
    meter,
    unit,
    rounding,
    ...(threshold === undefined
      ? {}
      : { threshold: { quantity: threshold.quantity, at: stageOf(threshold.at) } }),
    ...(increment === undefined
      ? {}
      : { increment: { size: increment.size, minimum: increment.minimum, at: stageOf(increment.at) } }),
  }
}

function stageOf(name: string): (typeof STAGES)[number] {
  const stage = STAGES.find((each) => each === name)
  if (stage === undefined) throw new Error(`an item has the stage ${name}`)
  return stage
}

/** A tariff. */
export function tariffView(tariff: Tariff): Static<typeof schema.TariffReply> {
  const { tariffId: id, version, currency, amountRounding, roundingStage, items, rules } = tariff
  const versions = items.map((item) => ({ item: item.itemId, version: item.version }))
  return { id, version, currency, amountRounding, roundingStage, items: versions, rules }
}

/** A contract. */
export function contractView(contract: Contract): Static<typeof ContractReply> {
  const { id, account, tariff, tariffVersion } = contract
  return {
    id,
    account,
    tariff: { id: tariff, version: tariffVersion },
    period: openPeriodView(contract.period),
    ...(contract.agreedTo === undefined ? {} : { agreedTo: formatInstant(contract.agreedTo) }),
    isFeeWaived: contract.isFeeWaived,
    closing: contract.closing,
  }
}

/** An assignment. */
export function assignmentView(assignment: Assignment): Static<typeof schema.AssignmentReply> {
  const { id, account, resource, dimensions } = assignment
  return { id, account, resource, dimensions, period: openPeriodView(assignment.period) }
}

/** A journal entry. */
export function entryView(entry: PostedEntry): Static<typeof schema.EntryReply> {
  return {
    id: entry.id,
    postedAt: formatInstant(entry.postedMs),
    description: entry.description,
    invoice: entry.invoiceId,
    postings: entry.postings.map(({ code, subject, amount }) => ({
      account: code,
      subject,
      amount: amountView(amount),
    })),
  }
}

/** A row of the audit log. */
export function auditView({ sequence, record, previous, hash }: AuditRow): Static<typeof schema.AuditReply> {
  return { sequence: `${sequence}`, record, previous: toHex(previous), hash: toHex(hash) }
}

/** A time or span from the wire as a number; both fit far below 2^53. */
export function millisecondsOf(value: bigint | undefined): number {
  return Number(value ?? 0n)
}
