import type { Loss } from '../gen/vouch/ingest/v1/batch_pb.ts'

/**
 * The readings of a batch as typed arrays. Rows stand in the order of the segments; a segment is
 * one stream in one epoch, times strictly ascending, registers never falling.
 */
export interface Columns {
  /** Stream ids, 16 bytes each. */
  readonly streamIds: Uint8Array<ArrayBuffer>
  /** Earliest time, epoch milliseconds. */
  readonly timeBaseMs: number
  /** Per segment: index of its stream in `streamIds`. */
  readonly segmentStream: Uint32Array<ArrayBuffer>
  /** Per segment: epoch. */
  readonly segmentEpoch: BigUint64Array<ArrayBuffer>
  /** Per segment: rows. */
  readonly segmentRows: Uint32Array<ArrayBuffer>
  /** Per row: epoch milliseconds; every value is a safe integer. */
  readonly timeMs: BigUint64Array<ArrayBuffer>
  /** Per row: register. */
  readonly register: BigUint64Array<ArrayBuffer>
  /** Per row: milliseconds directly before the reading that were sampled at cadence. */
  readonly spanMs: Uint32Array<ArrayBuffer>
  /** What had to be dropped. */
  readonly losses: readonly Loss[]
}

/** Bytes of a stream id. */
export const STREAM_ID_BYTES = 16
