import type { Hex } from '../ports.ts'

/** Bounds of what is taken in and not yet durable. */
export interface RoomLimits {
  /** Bytes in all. */
  readonly bytesMax: number
  /** Bytes of one agent, over all of its connections. */
  readonly agentBytesMax: number
}

interface Waiter {
  readonly agent: Hex
  readonly bytes: number
  readonly enter: () => void
}

/**
 * Room for batches on their way to the archive, in the order of arrival. An agent that has its share waits
 * without holding up the others; whoever holds nothing gets in, however large its batch is. Each connection
 * asks for one batch at a time, so there are never more waiters than connections.
 */
export class Room {
  readonly #limits: RoomLimits
  readonly #held = new Map<Hex, number>()
  #bytes = 0
  #waiters: Waiter[] = []
  #isLetting = false

  constructor(limits: RoomLimits) {
    this.#limits = limits
  }

  /** Waits for room; what is returned gives it back, once. */
  async take(agent: Hex, bytes: number): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiters.push({ agent, bytes, enter: resolve })
    this.#let()
    await promise
    let given = false
    return () => {
      if (given) return
      given = true
      this.#add(agent, -bytes)
      // One insert gives back much at once: the waiters are looked through once for all of it.
      if (this.#isLetting) return
      this.#isLetting = true
      queueMicrotask(() => {
        this.#isLetting = false
        this.#let()
      })
    }
  }

  #let(): void {
    const waiting: Waiter[] = []
    let isFull = false
    for (const waiter of this.#waiters) {
      isFull ||= this.#bytes > 0 && this.#bytes + waiter.bytes > this.#limits.bytesMax
      if (isFull || this.#hasShare(waiter)) waiting.push(waiter)
      else {
        this.#add(waiter.agent, waiter.bytes)
        waiter.enter()
      }
    }
    this.#waiters = waiting
  }

  #hasShare({ agent, bytes }: Waiter): boolean {
    const held = this.#held.get(agent) ?? 0
    return held > 0 && held + bytes > this.#limits.agentBytesMax
  }

  #add(agent: Hex, bytes: number): void {
    const held = (this.#held.get(agent) ?? 0) + bytes
    if (held > 0) this.#held.set(agent, held)
    else this.#held.delete(agent)
    this.#bytes += bytes
  }
}
