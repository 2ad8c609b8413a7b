/** Buckets grow by this factor: a percentile is at most one per cent above the truth. */
const GROWTH = 1.01
const LOG_GROWTH = Math.log(GROWTH)
/** Up to a day. */
const BUCKETS = Math.ceil(Math.log(86_400_000) / LOG_GROWTH) + 1

/** Durations by size, in memory that does not grow with their number. */
export class LatencyHistogram {
  readonly #buckets = new Uint32Array(BUCKETS)
  #count = 0
  #maxMs = 0

  /** Counts one duration, milliseconds; below one counts as one. */
  add(ms: number): void {
    const bucket = Math.ceil(Math.log(Math.max(1, ms)) / LOG_GROWTH)
    const index = Math.min(bucket, BUCKETS - 1)
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1
    this.#count++
    this.#maxMs = Math.max(this.#maxMs, ms)
  }

  /** How many were counted. */
  get count(): number {
    return this.#count
  }

  /** The longest, exactly; 0 where there is none. */
  get maxMs(): number {
    return Math.round(this.#maxMs)
  }

  /** The duration that a share (0 to 1) of all does not exceed, by nearest rank; 0 where there is none. */
  quantileMs(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#count))
    let below = 0
    for (let index = 0; index < BUCKETS; index++) {
      below += this.#buckets[index] ?? 0
      if (below >= rank) return Math.min(this.maxMs, Math.round(GROWTH ** index))
    }
    return 0
  }
}
