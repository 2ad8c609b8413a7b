/** Lets a bounded number of tasks run at once in each lane, so that slow ones only ever wait for slow ones. */
export class Lanes<Lane extends string> {
  readonly #free: Map<Lane, number>
  readonly #waiting: Map<Lane, (() => void)[]>

  constructor(widths: Readonly<Record<Lane, number>>) {
    const entries = Object.entries<number>(widths) as [Lane, number][]
    this.#free = new Map(entries)
    this.#waiting = new Map(entries.map(([lane]) => [lane, []]))
  }

  /** Runs the task as soon as its lane has room. */
  async run<T>(lane: Lane, task: () => Promise<T>): Promise<T> {
    const free = this.#free.get(lane)!
    if (free > 0) this.#free.set(lane, free - 1)
    else {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.get(lane)!.push(resolve)
      await promise
    }
    try {
      return await task()
    } finally {
      const next = this.#waiting.get(lane)!.shift()
      if (next === undefined) this.#free.set(lane, this.#free.get(lane)! + 1)
      else next()
    }
  }
}
