import type { Period } from '@vouch/proto/kernel/period.ts'
import type { AgentKey, SignedBatch, StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { MeterUsage } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Charge } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'

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
  /** Charges of the assigned resources under a tariff. */
  rate(tariff: Tariff, period: Period, assigned: readonly AssignedResource[]): Promise<readonly Charge[]>
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
