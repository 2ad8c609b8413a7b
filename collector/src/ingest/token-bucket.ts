/** How fast tokens come back, and how many are kept. */
export interface BucketLimits {
  /** Tokens a second; 0 = no limit at all. */
  readonly perSecond: number
  /** Tokens of a full bucket. */
  readonly burst: number
}

/** A token bucket that may go into debt: what was taken in is paid before more is. */
export class TokenBucket {
  readonly #limits: BucketLimits
  #tokens: number
  #atMs: number | undefined

  constructor(limits: BucketLimits) {
    this.#limits = limits
    this.#tokens = limits.burst
  }

  /** Takes tokens, into debt where they do not suffice. */
  spend(tokens: number, nowMs: number): void {
    this.#refill(nowMs)
    this.#tokens -= tokens
  }

  /** Milliseconds until a token is there; 0 = now. */
  waitMs(nowMs: number): number {
    const { perSecond } = this.#limits
    if (perSecond === 0) return 0
    this.#refill(nowMs)
    return this.#tokens >= 1 ? 0 : Math.ceil(((1 - this.#tokens) * 1_000) / perSecond)
  }

  /** Takes one token where there is one. */
  take(nowMs: number): boolean {
    if (this.waitMs(nowMs) > 0) return false
    this.spend(1, nowMs)
    return true
  }

  #refill(nowMs: number): void {
    const { perSecond, burst } = this.#limits
    // A clock that was set back gives nothing, and takes nothing.
    const passedMs = Math.max(0, nowMs - (this.#atMs ?? nowMs))
    this.#tokens = Math.min(burst, this.#tokens + (passedMs * perSecond) / 1_000)
    this.#atMs = nowMs
  }
}
