import { setTimeout as sleep } from 'node:timers/promises'

/** How often a proxy does what, each from 0 to 1 and for each frame that may be disturbed. */
export interface Mischief {
  /** The frame comes twice. */
  readonly duplicate: number
  /** The frame comes after the next one. */
  readonly reorder: number
  /** An old frame comes again after this one. */
  readonly replay: number
  /** The frame, and all behind it, comes late. */
  readonly delay: number
  /** The connection breaks, before or after this frame. */
  readonly drop: number
}

/** What was done, by kind. */
export type Tally = Record<keyof Mischief | 'frames', number>

/** Longest delay, and how long a frame waits for the next one to overtake it, milliseconds. */
const DELAY_MAX_MS = 400
const HOLD_MS = 250
/** Frames that may be replayed. */
const HISTORY_MAX = 64

/** A tally of nothing. */
export function emptyTally(): Tally {
  return { frames: 0, duplicate: 0, reorder: 0, replay: 0, delay: 0, drop: 0 }
}

/** What is shared by the connections of one direction: chance, count, and the frames that went before. */
export interface Direction<T> {
  readonly mischief: Mischief
  readonly random: () => number
  readonly tally: Tally
  readonly history: T[]
}

/** Where frames go. */
export interface Outlet<T> {
  emit(frame: T): void
  /** Breaks the connection. */
  drop(): void
}

/** One connection in one direction, whose frames come out disturbed; none is lost while the connection lasts. */
export class Disorder<T> {
  readonly #direction: Direction<T>
  readonly #outlet: Outlet<T>
  #tail: Promise<void> = Promise.resolve()
  #held: T | undefined
  #ended = false

  constructor(direction: Direction<T>, outlet: Outlet<T>) {
    this.#direction = direction
    this.#outlet = outlet
  }

  /** Passes a frame on; `disturb` = it may be duplicated, overtaken, replayed or lost with the connection. */
  pass(frame: T, disturb: boolean): void {
    this.#tail = this.#tail.then(() => (disturb ? this.#disturb(frame) : this.#undisturbed(frame)))
  }

  /** Runs after everything that was passed before it. */
  after(work: () => void): void {
    this.#tail = this.#tail.then(() => {
      this.#release()
      if (!this.#ended) work()
    })
  }

  /** Nothing comes out any more. */
  end(): void {
    this.#ended = true
  }

  #undisturbed(frame: T): void {
    this.#release()
    this.#emit(frame)
  }

  async #disturb(frame: T): Promise<void> {
    const { random, tally, history } = this.#direction
    if (this.#ended) return
    tally.frames += 1
    if (this.#happens('delay')) await sleep(random() * DELAY_MAX_MS)
    if (this.#happens('drop')) {
      if (random() < 0.5) this.#emit(frame)
      this.#remember(frame)
      this.#ended = true
      this.#outlet.drop()
      return
    }
    if (this.#held === undefined && this.#happens('reorder')) {
      this.#remember(frame)
      this.#hold(frame)
      return
    }
    this.#emit(frame)
    if (this.#happens('duplicate')) this.#emit(frame)
    this.#release()
    if (history.length > 0 && this.#happens('replay'))
      this.#emit(history[Math.floor(random() * history.length)]!)
    this.#remember(frame)
  }

  #happens(kind: keyof Mischief): boolean {
    const { mischief, random, tally } = this.#direction
    const yes = random() < mischief[kind]
    if (yes) tally[kind] += 1
    return yes
  }

  #hold(frame: T): void {
    this.#held = frame
    setTimeout(() => {
      if (this.#held === frame) this.#release()
    }, HOLD_MS)
  }

  #release(): void {
    const held = this.#held
    this.#held = undefined
    if (held !== undefined) this.#emit(held)
  }

  #emit(frame: T): void {
    if (!this.#ended) this.#outlet.emit(frame)
  }

  #remember(frame: T): void {
    const { history, random } = this.#direction
    if (history.length < HISTORY_MAX) history.push(frame)
    else history[Math.floor(random() * HISTORY_MAX)] = frame
  }
}
