import { type Coverage, coverage } from './coverage.ts'
import { type EpochRecord, type EpochUsage, epochUsage, measuredPart } from './epoch-usage.ts'
import type { Interval } from './interval.ts'

/** A stream: one resource and meter as seen by one agent. */
export interface Stream {
  /** 32 hex digits. */
  readonly streamId: string
  /** 32 hex digits. */
  readonly agentId: string
  readonly resource: string
  readonly meter: string
  /** Unit of the register. */
  readonly unit: string
}

/** A stream with the epochs that have a reading before the end of the period asked for. */
export interface StreamRecord {
  readonly stream: Stream
  /** Last reading before the end of the period; orders streams that measured nothing in it. */
  readonly lastMs: number
  /** Epochs that measured in the period, in any order. */
  readonly epochs: readonly EpochRecord[]
}

/** Usage of one stream over a period. */
export interface StreamUsage {
  readonly stream: Stream
  readonly period: Interval
  /** Sum over epochs, in the unit of the stream. */
  readonly quantity: bigint
  /** Ascending. */
  readonly epochs: readonly EpochUsage[]
  readonly coverage: Coverage
}

/** Usage of a stream: the sum over its epochs, whatever their order. */
export function streamUsage(record: StreamRecord, period: Interval): StreamUsage {
  const ordered = record.epochs.toSorted((a, b) => (a.epoch < b.epoch ? -1 : 1))
  const epochs = ordered.map((epoch) => epochUsage(epoch, period)).filter((usage) => usage !== undefined)
  const measured = ordered.flatMap((epoch) => {
    const part = measuredPart(epoch, period)
    return part === undefined ? [] : [{ part, holes: epoch.holes }]
  })
  const quantity = epochs.reduce((sum, epoch) => sum + epoch.quantity, 0n)
  return { stream: record.stream, period, quantity, epochs, coverage: coverage(period, measured) }
}
