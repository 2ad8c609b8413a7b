import type { Fault } from '@vouch/proto/kernel/fault.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { AgentKey, SignedBatch, StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type {
  LineUsage,
  MeasuredMeter,
  MeterUsage,
  SeriesRow,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type {
  Charge,
  Snapshot,
  Unpriced,
  UsageCorrection,
} from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'

/** Structured log lines; pino fits. */
export interface Logger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** A resource and the stretch of time in which an account pays for it. */
export interface AssignedResource {
  readonly resource: string
  readonly period: Period
  /** What prices may depend on. */
  readonly dimensions: Readonly<Record<string, string>>
  /** The account's share of the usage, decimal text; absent = all. */
  readonly share?: string
  /** Only the resource itself, nothing below it; absent = everything below it too. */
  readonly itself?: boolean
}

/** The stretch of a document that a tariff is applied to. */
export interface Stretch {
  /** Of the document. */
  readonly period: Period
  /** The part of it in which the tariff is in force. */
  readonly inForce: Period
  /** IANA. */
  readonly timeZone: string
}

/** What a tariff makes of a snapshot. */
export interface Rated {
  readonly charges: readonly Charge[]
  readonly unpriced: readonly Unpriced[]
}

/** The signed batches behind some charges, with the streams and keys to read them. */
export interface Evidence {
  readonly batches: readonly SignedBatch[]
  readonly streams: readonly StreamDefinition[]
  readonly keys: readonly AgentKey[]
}

/** The rating service. Failures are FaultErrors with the fault that rating gave, or UNAVAILABLE. */
export interface Rating {
  /** Usage of a resource and everything below it; an empty meter means all. */
  usage(resource: string, meter: string, period: Period): Promise<readonly MeterUsage[]>
  /**
   * Resources that measured anything in a period, ascending by UTF-16 code unit: at most `limit`, those after
   * `after`; from the first where it is undefined.
   */
  resources(period: Period, after: string | undefined, limit: number): Promise<readonly string[]>
  /** Meters that measured anything in a period, by meter, then unit. */
  meters(period: Period): Promise<readonly Pick<MeasuredMeter, 'meter' | 'unit' | 'resources'>[]>
  /** Usage of the assigned resources by step of the zone's calendar; no meters means all. */
  series(
    period: Period,
    timeZone: string,
    grain: 'hour' | 'day' | 'month' | 'year' | 'total',
    assigned: readonly AssignedResource[],
    meters: readonly string[],
  ): Promise<readonly SeriesRow[]>
  /** What keeps a tariff from being published, each with a pointer into it. */
  checkTariff(tariff: Tariff): Promise<readonly Fault[]>
  /** What the assigned resources used, cut where the tariff's prices change, and what persons decided about it. */
  measure(
    tariff: Tariff,
    stretch: Stretch,
    assigned: readonly AssignedResource[],
    corrections: readonly UsageCorrection[],
  ): Promise<Snapshot>
  /** What a tariff makes of a snapshot: a function of both alone. */
  rate(tariff: Tariff, snapshot: Snapshot): Promise<Rated>
  /** The usage that each line of a snapshot prices, before increments, rounding and allowances; of a correction, the whole. */
  usageOfLines(tariff: Tariff, snapshot: Snapshot): Promise<readonly LineUsage[]>
  /** What the digests name. Faults: EVIDENCE_MISSING, OUT_OF_RANGE where it is larger than configured. */
  evidence(digests: readonly Uint8Array[]): Promise<Evidence>
  /** Keeps what the digests name for a document until an instant; may be repeated. Faults: EVIDENCE_MISSING. */
  pin(document: string, retainUntilMs: number, digests: readonly Uint8Array[]): Promise<void>
}

/** Instants and randomness, so that everything else is a function of its input. */
export interface Chance {
  /** Now, epoch milliseconds. */
  nowMs(): number
  /** Random bytes for ids and secrets. */
  random(bytes: number): Uint8Array
}

/** What a column holds. A decimal is plain text with at most 12 decimals and 26 digits before them. */
export type ColumnType = 'text' | 'decimal' | 'instant' | 'json'

/** Rows under named columns; every value is text, or null. */
export interface Table {
  readonly columns: Readonly<Record<string, ColumnType>>
  readonly rows: readonly Readonly<Record<string, string | null>>[]
}
