import { create, equals } from '@bufbuild/protobuf'
import { BilledLineSchema, SnapshotSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { BilledLine, Charge, Snapshot, UsedGrant } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { majorAmount, money, parseAmount, sumMoney } from '@vouch/proto/kernel/money.ts'
import { compare } from '@vouch/proto/kernel/rational.ts'
import type { Contract } from '../contract/contract.ts'
import { periodOf } from './invoice.ts'

const DAY_MS = 86_400_000

/** A charge as later documents see that it was billed. */
export function billedLine(charge: Charge): BilledLine {
  const { kind, lineId, itemId, ruleId, pool, description, resource, meter, period } = charge
  const { quantity, exactQuantity, unit, amount } = charge
  const names = { kind, lineId, itemId, ruleId, pool, description, resource, meter }
  const texts = { ...names, quantity, exactQuantity, unit, amount }
  return create(BilledLineSchema, { ...texts, ...(period === undefined ? {} : { period }) })
}

/** What is measured now of a stretch that was billed, as the correction of the document that billed it first. */
export function correction(now: Snapshot, number: string, billed: readonly BilledLine[]): Snapshot {
  return create(SnapshotSchema, { ...now, corrects: number, billed: [...billed] })
}

/** Whether the same was measured, estimated, and decided. */
export function measuresAlike(a: Snapshot, b: Snapshot): boolean {
  const measured = ({ measurements, estimates, usageCorrections }: Snapshot) =>
    create(SnapshotSchema, { measurements, estimates, usageCorrections })
  return equals(SnapshotSchema, measured(a), measured(b))
}

/** Whether lines were billed alike. */
export function billedAlike(a: readonly BilledLine[], b: readonly BilledLine[]): boolean {
  const lines = (billed: readonly BilledLine[]) => create(SnapshotSchema, { billed: [...billed] })
  return equals(SnapshotSchema, lines(a), lines(b))
}

/** Whether the same was used of grants. */
export function usedAlike(a: readonly UsedGrant[], b: readonly UsedGrant[]): boolean {
  const grants = (used: readonly UsedGrant[]) => create(SnapshotSchema, { used: [...used] })
  return equals(SnapshotSchema, grants(a), grants(b))
}

/** What becomes of late usage: whether an invoice takes it whose period begins at an instant, and if not, why. */
export function lateStanding(
  { closing: { lateUsage, lateDays } }: Contract,
  { period }: Pick<Snapshot, 'period'>,
  atMs: number,
): 'next-invoice' | 'contract-rejects' | 'too-old' {
  if (lateUsage === 'reject') return 'contract-rejects'
  return atMs <= periodOf(period).to + lateDays * DAY_MS ? 'next-invoice' : 'too-old'
}

/** Whether a correction comes to the minimum, whatever its sign; one of nothing never does. */
export function isWorthwhile(
  charges: readonly Pick<Charge, 'amount'>[],
  { currency: name }: Pick<Tariff, 'currency'>,
  minimum: string,
): boolean {
  if (charges.length === 0) return false
  const currency = unwrap(parseCurrency(name))
  const { minor } = sumMoney(
    charges.map(({ amount }) => unwrap(parseAmount(amount, currency))),
    currency,
  )
  const size = majorAmount(money(minor < 0n ? -minor : minor, currency))
  return compare(size, unwrap(parseDecimal(minimum))) >= 0
}
