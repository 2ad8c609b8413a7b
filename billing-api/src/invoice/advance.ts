import { create } from '@bufbuild/protobuf'
import { PeriodSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { SnapshotSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { BilledLine, Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { contains } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Stretch } from '../ports.ts'
import { periodOf } from './invoice.ts'
import type { StatementRef } from './invoice.ts'

/** A stretch whose fees an invoice billed in advance, and that no invoice has come to yet. */
export interface Advanced {
  readonly tariff: string
  readonly tariffVersion: number
  readonly currency: string
  readonly period: Period
  readonly inForce: Period
  readonly timeZone: string
  readonly billed: readonly BilledLine[]
  /** Which statement billed it, on the invoice of which number; no statement where that is only simulated. */
  readonly by: { readonly ref: StatementRef | undefined; readonly number: string }
}

/** Whether a tariff bills fees in advance. */
export function billsInAdvance({ rules }: Pick<Tariff, 'rules'>): boolean {
  return rules.some(({ kind, timing }) => kind === 'fee' && timing === 'advance')
}

/** A snapshot by which nothing but fees in advance is billed. */
export function advanceSnapshot({ period, inForce, timeZone }: Stretch): Snapshot {
  return create(SnapshotSchema, {
    period: create(PeriodSchema, { fromMs: BigInt(period.from), toMs: BigInt(period.to) }),
    inForce: create(PeriodSchema, { fromMs: BigInt(inForce.from), toMs: BigInt(inForce.to) }),
    timeZone,
    advance: true,
  })
}

/** A snapshot by which all that was billed in advance is given back. */
export function returned({ by, billed, ...stretch }: Advanced): Snapshot {
  return create(SnapshotSchema, { ...advanceSnapshot(stretch), corrects: by.number, billed: [...billed] })
}

/** Whether a stretch under a tariff is the one that comes to what was billed in advance: the advance begins in it. */
export function comesTo(
  { tariffId, currency }: Pick<Tariff, 'tariffId' | 'currency'>,
  inForce: Period,
  advanced: Advanced,
): boolean {
  return (
    advanced.tariff === tariffId && advanced.currency === currency && contains(inForce, advanced.inForce.from)
  )
}

/** The stretch of a snapshot in its period. */
export function stretchOf({ period, inForce, timeZone }: Snapshot): Stretch {
  return { period: periodOf(period), inForce: periodOf(inForce), timeZone }
}
