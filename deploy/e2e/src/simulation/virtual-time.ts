interface Event {
  readonly atMs: number
  readonly order: number
  readonly act: () => void
}

/** Work beyond this is a run that goes round in circles. */
const EVENTS_MAX = 300_000

/**
 * Time that passes only from event to event. Between two events everything that waits for nothing but
 * promises runs to its end, so the order of all work follows from the order of the events.
 */
export class VirtualTime {
  #nowMs: number
  readonly #events: Event[] = []
  #order = 0

  constructor(startMs: number) {
    this.#nowMs = startMs
  }

  /** Epoch milliseconds. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Events done and events that wait. */
  get events(): { readonly total: number; readonly waiting: number } {
    return { total: this.#order, waiting: this.#events.length }
  }

  /** Calls back after so many milliseconds; what it returns calls that off. Events of one instant keep their order. */
  readonly after = (ms: number, act: () => void): (() => void) => {
    const event = { atMs: this.#nowMs + Math.max(0, Math.ceil(ms)), order: this.#order++, act }
    let low = 0
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#events[middle]!.atMs <= event.atMs) low = middle + 1
      else high = middle
    }
    this.#events.splice(low, 0, event)
    return () => {
      const index = this.#events.indexOf(event)
      if (index >= 0) this.#events.splice(index, 1)
    }
  }

  /** Resolves after so many milliseconds, or at once when the signal aborts. */
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const callOff = this.after(ms, resolve)
    signal?.addEventListener('abort', () => {
      callOff()
      resolve()
    })
    await promise
  }

  /** Lets time pass until the condition holds, nothing waits, or the given time has come. Throws where it never ends. */
  async pass(untilMs: number, done: () => boolean = () => false): Promise<void> {
    await settled()
    while (!done()) {
      const next = this.#events[0]
      if (next === undefined || next.atMs > untilMs) break
      if (this.#order > EVENTS_MAX) throw new Error(`the run did not end within ${EVENTS_MAX} events`)
      this.#events.shift()
      this.#nowMs = next.atMs
      next.act()
      await settled()
    }
    if (!done()) this.#nowMs = Math.max(this.#nowMs, untilMs)
  }
}

/** Everything that waits for promises only has run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
