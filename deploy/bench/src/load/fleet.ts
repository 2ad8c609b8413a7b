import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { LoadAgent } from './agent.ts'
import type { Identity } from './agent.ts'
import type { BodyTemplate } from './body-template.ts'
import type { Dialler } from './http2-client.ts'
import { AgentLoop } from './loop.ts'
import { Tally } from './tally.ts'

/** How a fleet behaves. */
export interface FleetOptions {
  readonly dialler: Dialler
  readonly template: BodyTemplate
  readonly identities: readonly Identity[]
  /** Mean time until a connection breaks, milliseconds; undefined = never on purpose. */
  readonly reconnectMs: number | undefined
  readonly random: () => number
}

/** Handshakes under way at once. */
const CONNECTING_MAX = 64
const CONNECT_MAX_MS = 900_000
const SETTLE_MAX_MS = 60_000
const POLL_MS = 50

/** Agents that deliver by the clock, each at a moment of its own. */
export class Fleet {
  readonly #loops: AgentLoop[]
  #tally = new Tally()
  #connecting = 0
  readonly #queue: (() => void)[] = []

  constructor(options: FleetOptions) {
    const { identities, template } = options
    const shared = { ...options, tally: () => this.#tally, admit: () => this.#admit() }
    this.#loops = identities.map((identity) => new AgentLoop(new LoadAgent(identity, template), shared))
  }

  /** Connects every agent; each delivers from then on. Throws UNAVAILABLE where that takes too long. */
  async connect(progress: (text: string) => void): Promise<void> {
    for (const loop of this.#loops) loop.start()
    const deadlineMs = performance.now() + CONNECT_MAX_MS
    let shownMs = performance.now()
    for (;;) {
      const connected = this.#loops.filter((loop) => loop.welcomedOnce).length
      if (connected === this.#loops.length) return
      if (performance.now() > deadlineMs) {
        throwFault(
          'UNAVAILABLE',
          `${connected} of ${this.#loops.length} agents connected in ${CONNECT_MAX_MS} ms`,
        )
      }
      if (performance.now() - shownMs > 5_000) {
        shownMs = performance.now()
        progress(`${connected} of ${this.#loops.length} agents connected`)
      }
      await pause(POLL_MS)
    }
  }

  /** Counts anew from now on; gives what was counted before. */
  mark(): Tally {
    const before = this.#tally
    this.#tally = new Tally()
    return before
  }

  /** What is counted at present. */
  get tally(): Tally {
    return this.#tally
  }

  /** No new batches and no more broken connections; waits for the receipts of all, within bounds; disconnects. */
  async settle(): Promise<void> {
    for (const loop of this.#loops) loop.finish()
    const deadlineMs = performance.now() + SETTLE_MAX_MS
    while (this.#loops.some((loop) => loop.waiting > 0) && performance.now() < deadlineMs)
      await pause(POLL_MS)
    this.stop()
  }

  /** Disconnects at once. */
  stop(): void {
    for (const loop of this.#loops) loop.stop()
  }

  /** Waits for a place among the handshakes under way; the function given back frees it. */
  async #admit(): Promise<() => void> {
    if (this.#connecting >= CONNECTING_MAX) {
      await new Promise<void>((resolve) => {
        this.#queue.push(resolve)
      })
    } else this.#connecting++
    let freed = false
    return () => {
      if (freed) return
      freed = true
      const next = this.#queue.shift()
      if (next === undefined) this.#connecting--
      else next()
    }
  }
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
