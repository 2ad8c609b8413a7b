import type { AdmittedBatch, CommitGroup, StreamRow } from '../ports.ts'

/** Bounds of one insert. */
export interface CommitLimits {
  /** Readings in one insert. */
  readonly rowsMax: number
  /** Bytes in one insert. */
  readonly bytesMax: number
  /** Longest time that a batch waits for company, milliseconds. */
  readonly waitMs: number
}

/** What a stream's definition is taken to hold of the bound on bytes. */
const STREAM_BYTES = 500

/** Batches and streams on their way into one insert: closed by rows, bytes or age. */
export class CommitQueue {
  readonly #limits: CommitLimits
  #batches: AdmittedBatch[] = []
  #streams: StreamRow[] = []
  #rows = 0
  #bytes = 0
  #openedMs: number | undefined

  constructor(limits: CommitLimits) {
    this.#limits = limits
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes
  }

  /** Streams that wait. */
  get streams(): number {
    return this.#streams.length
  }

  /** Adds streams; they go in before the batches that name them. */
  addStreams(streams: readonly StreamRow[], nowMs: number): void {
    for (const stream of streams) this.#streams.push(stream)
    this.#bytes += streams.length * STREAM_BYTES
    this.#openedMs ??= nowMs
  }

  /** Adds a batch. */
  add(batch: AdmittedBatch, nowMs: number): void {
    this.#batches.push(batch)
    this.#rows += rowsOf(batch)
    this.#bytes += batchBytes(batch)
    this.#openedMs ??= nowMs
  }

  /** Milliseconds until the group should be taken: 0 = now, undefined = it is empty. */
  dueInMs(nowMs: number): number | undefined {
    if (this.#openedMs === undefined) return undefined
    if (this.#rows >= this.#limits.rowsMax || this.#bytes >= this.#limits.bytesMax) return 0
    return Math.max(0, this.#openedMs + this.#limits.waitMs - nowMs)
  }

  /** Takes the next insert: streams first, and where all of them fit, batches in their order until a bound is reached. */
  take(): CommitGroup & { readonly bytes: number } {
    const { rowsMax, bytesMax } = this.#limits
    const streams = this.#streams.splice(0, Math.max(1, Math.ceil(bytesMax / STREAM_BYTES)))
    let rows = 0
    let bytes = streams.length * STREAM_BYTES
    let count = 0
    for (const batch of this.#streams.length > 0 ? [] : this.#batches) {
      if (count > 0 && (rows >= rowsMax || bytes >= bytesMax)) break
      rows += rowsOf(batch)
      bytes += batchBytes(batch)
      count++
    }
    const group = { streams, batches: this.#batches.slice(0, count), bytes }
    this.#batches = this.#batches.slice(count)
    this.#rows -= rows
    this.#bytes -= bytes
    if (this.#batches.length === 0 && this.#streams.length === 0) this.#openedMs = undefined
    return group
  }

  /** Forgets everything that waits. */
  clear(): void {
    this.#streams = []
    this.#batches = []
    this.#rows = 0
    this.#bytes = 0
    this.#openedMs = undefined
  }
}

function rowsOf(batch: AdmittedBatch): number {
  return batch.columns?.timeMs.length ?? 0
}

/** What a batch holds of the bound: its bytes, and its columns in memory. */
function batchBytes(batch: AdmittedBatch): number {
  return batch.header.length + batch.body.length + rowsOf(batch) * 20
}
