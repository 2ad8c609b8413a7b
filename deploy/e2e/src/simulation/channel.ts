import type { Network } from './network.ts'

/** One direction of a connection. */
export class Channel<T> {
  readonly #network: Network
  readonly #route: string
  readonly #deliver: (frame: T) => void
  #queue: { readonly frame: T; readonly readyMs: number }[] = []
  #lastMs = 0
  #cut = false

  constructor(network: Network, route: string, deliver: (frame: T) => void) {
    this.#network = network
    this.#route = route
    this.#deliver = deliver
  }

  /** Frames on their way. */
  get waiting(): number {
    return this.#queue.length
  }

  /** Sends after everything sent before. */
  send(frame: T): void {
    if (this.#cut) return
    const readyMs = Math.max(this.#lastMs, this.#network.arrivalMs())
    this.#lastMs = readyMs
    this.#queue.push({ frame, readyMs })
    this.#network.after(readyMs - this.#network.nowMs, () => this.drain())
  }

  /** Delivers what is due, unless the route is cut off. */
  drain(): void {
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      if (head.readyMs > this.#network.nowMs || this.#network.isPartitioned(this.#route)) return
      this.#queue.shift()
      this.#deliver(head.frame)
    }
  }

  /** Takes nothing more; what is on its way arrives or is lost. */
  cut(loses: boolean): void {
    this.#cut = true
    if (loses) this.#queue = []
  }
}
