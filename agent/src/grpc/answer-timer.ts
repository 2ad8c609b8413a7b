/** Calls back after so many milliseconds; what it returns calls that off. */
export type Timer = (ms: number, act: () => void) => () => void

/** The system's. */
export const SYSTEM_TIMER: Timer = (ms, act) => {
  const timer = setTimeout(act, ms)
  return () => clearTimeout(timer)
}

/** Waits for the other side: from the oldest question that it has not answered. */
export class AnswerTimer {
  readonly #timer: Timer
  readonly #ms: number
  readonly #late: () => void
  #callOff: (() => void) | undefined

  /** @param late called once where nothing came within `ms`. */
  constructor(timer: Timer, ms: number, late: () => void) {
    this.#timer = timer
    this.#ms = ms
    this.#late = late
  }

  /** Waits from now on, where it does not wait already. */
  start(): void {
    this.#callOff ??= this.#timer(this.#ms, this.#late)
  }

  /** Waits for nothing. */
  stop(): void {
    this.#callOff?.()
    this.#callOff = undefined
  }
}
