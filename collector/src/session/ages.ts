import type { Clock } from '../ports.ts'

/** Who is told that it is old. */
export interface Aging {
  /** Ends in order, because of nothing that went wrong. */
  handOver(): void
}

/** Looks in the life of a session: it may be so much older than it should, a twentieth. */
const LOOKS = 20
const LOOK_MS_MIN = 10
const LOOK_MS_MAX = 60_000
/** Why a wait ends early; without a reason of our own an exception is made for each. */
const EMPTY = 'empty'

/** Tells sessions that their time is over: one clock for all of them, instead of a timer for each. */
export class Ages {
  readonly #clock: Clock
  readonly #lookMs: number
  readonly #dueMs = new Map<Aging, number>()
  #looking: AbortController | undefined

  /** @param ageMaxMs of a session, about. */
  constructor(clock: Clock, ageMaxMs: number) {
    this.#clock = clock
    this.#lookMs = Math.min(LOOK_MS_MAX, Math.max(LOOK_MS_MIN, Math.round(ageMaxMs / LOOKS)))
  }

  /** Tells the session when it has this age. */
  add(session: Aging, ageMs: number): void {
    this.#dueMs.set(session, this.#clock.now() + ageMs)
    if (this.#looking === undefined) void this.#look()
  }

  /** The session has ended. */
  remove(session: Aging): void {
    this.#dueMs.delete(session)
    if (this.#dueMs.size === 0) this.#looking?.abort(EMPTY)
  }

  async #look(): Promise<void> {
    const looking = new AbortController()
    this.#looking = looking
    while (!looking.signal.aborted) {
      await this.#clock.sleep(this.#lookMs, looking.signal)
      const nowMs = this.#clock.now()
      for (const [session, dueMs] of this.#dueMs) {
        if (dueMs > nowMs) continue
        this.#dueMs.delete(session)
        session.handOver()
      }
      if (this.#dueMs.size === 0) looking.abort(EMPTY)
    }
    this.#looking = undefined
    if (this.#dueMs.size > 0) void this.#look()
  }
}
