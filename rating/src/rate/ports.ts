import type { AgentKey, SignedBatch, StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { Interval } from '../usage/interval.ts'
import type { SlotReadings } from '../usage/slots.ts'
import type { Stream, StreamRecord } from '../usage/stream-usage.ts'

/** A meter that measured. */
export interface MeasuredMeter {
  readonly meter: string
  readonly unit: string
  /** How many it measured. */
  readonly resources: number
}

/** What rating asks of the usage store. Each answer is a function of the rows stored, in a fixed order. */
export interface UsageStore {
  /** Streams at or below the resources, of the meters (none = all). Faults: STORE_UNAVAILABLE, OUT_OF_RANGE. */
  streams(resources: readonly string[], meters: readonly string[]): Promise<Result<Stream[]>>
  /** Resources after a name that measured in the hours of a period, ascending, at most `limit`. Faults: STORE_UNAVAILABLE. */
  resources(period: Interval, after: string, limit: number): Promise<Result<string[]>>
  /** Meters that measured in the hours of a period, by meter, then unit. Faults: STORE_UNAVAILABLE, OUT_OF_RANGE. */
  meters(period: Interval): Promise<Result<MeasuredMeter[]>>
  /**
   * What the streams measured in the period, with the readings around the cuts, instants inside of it in ascending order; streams
   * without any reading before its end are left out. Faults: STORE_UNAVAILABLE, OUT_OF_RANGE, EVIDENCE_MISSING.
   */
  records(
    streams: readonly Stream[],
    period: Interval,
    cuts?: readonly number[],
  ): Promise<Result<StreamRecord[]>>
  /**
   * What streams measured in the steps between edges, which ascend; streams without a reading around are left out.
   * Faults: STORE_UNAVAILABLE.
   */
  series(streams: readonly Stream[], edges: readonly number[]): Promise<Result<StreamSeries[]>>
  /**
   * Minutes of the clock in which something was sampled, by stream id, in each step between edges; nothing for streams
   * without any. Faults: STORE_UNAVAILABLE.
   */
  covered(
    streams: readonly Stream[],
    edges: readonly number[],
  ): Promise<Result<ReadonlyMap<string, readonly number[]>>>
  /** What slots of a stretch follow from, of streams with their records over that very stretch. Faults: as of `records`. */
  slots(records: readonly StreamRecord[], stretch: Interval, slotMs: number): Promise<Result<SlotReadings>>
}

/** What a stream measured in steps between edges. */
export interface StreamSeries {
  readonly stream: Stream
  /** From the first to the last reading of each epoch that is known around the steps. */
  readonly lives: readonly Interval[]
  /** One for each step. */
  readonly steps: readonly {
    readonly quantity: bigint
    /** Whether any epoch has readings on both sides of a part of it. */
    readonly isMeasured: boolean
  }[]
}

/** Name and place of a batch in its agent's chain; ids and digests in hexadecimal. */
export interface BatchPlace {
  readonly digest: string
  readonly agentId: string
  readonly runId: string
  readonly sequence: bigint
  /** Digest of the batch before; empty for the first of an agent's life. */
  readonly previous: string
  readonly keyId: string
  /** Last reading in it, milliseconds since 1970. */
  readonly lastMs: number
}

/** What evidence asks of the signed archive. All faults: STORE_UNAVAILABLE. */
export interface Archive {
  /** Places of the batches with these digests, in no order; unknown ones are left out. */
  find(digests: readonly string[]): Promise<Result<BatchPlace[]>>
  /** The newest batch of each agent that has one. */
  newest(agentIds: readonly string[]): Promise<Result<BatchPlace[]>>
  /** The places of a run with sequences from `after` + 1 to `before` − 1, ascending. */
  between(
    run: { agentId: string; runId: string },
    after: bigint,
    before: bigint,
  ): Promise<Result<BatchPlace[]>>
  /** Batches in full or without their bodies, in the order asked for; ones that have gone are left out. */
  batches(places: readonly BatchPlace[], withBody: boolean): Promise<Result<SignedBatch[]>>
  /** Definitions of streams, ascending by id. */
  definitions(streamIds: readonly string[]): Promise<Result<StreamDefinition[]>>
  /** Public keys, ascending by agent and key id. */
  keys(keys: readonly { agentId: string; keyId: string }[]): Promise<Result<AgentKey[]>>
}

/** Keeps batches of documents beyond the retention of the archive. */
export interface EvidencePins {
  /**
   * Copies batches, and links without their bodies, for a document; durable when it answers, and the
   * same when it is repeated. Faults: EVIDENCE_MISSING where a batch has gone, STORE_UNAVAILABLE.
   */
  pin(
    document: PinnedDocument,
    full: readonly BatchPlace[],
    links: readonly BatchPlace[],
  ): Promise<Result<void>>
}

/** A document that rests on evidence. */
export interface PinnedDocument {
  /** Letters, digits, `.`, `_`, `-`. */
  readonly id: string
  /** Milliseconds since 1970. */
  readonly retainUntilMs: number
}

/** What the logs need of a logger. */
export interface Logger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
