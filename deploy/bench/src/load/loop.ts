import type { LoadAgent } from './agent.ts'
import type { BodyTemplate } from './body-template.ts'
import { LoadConnection } from './connection.ts'
import type { Dialler } from './http2-client.ts'
import { exponential } from './random.ts'
import type { Tally } from './tally.ts'

/** What one agent's loop works with. */
export interface LoopOptions {
  readonly dialler: Dialler
  readonly template: BodyTemplate
  readonly reconnectMs: number | undefined
  readonly random: () => number
  readonly tally: () => Tally
  /** Waits for its turn to connect; the function given back frees the place. */
  readonly admit: () => Promise<() => void>
}

/** Batches that an agent keeps for want of receipts; a longer outage holds new ones back. */
const WAITING_MAX = 256
/** A batch is sealed up to this share of the interval after it is due. */
const JITTER = 0.05
const RETRY_MS = 1_000
/** A broken connection is not noticed at once. */
const REDIAL_MS = 2_000

/** One agent's life: connect, seal by the clock, connect again. */
export class AgentLoop {
  readonly #agent: LoadAgent
  readonly #options: LoopOptions
  readonly #readings: number
  #connection: LoadConnection | undefined
  #free: () => void = () => {}
  #sealTimer: NodeJS.Timeout | undefined
  #breakTimer: NodeJS.Timeout | undefined
  #dialTimer: NodeJS.Timeout | undefined
  #finishing = false
  #stopped = false
  /** The collector has accepted it at least once. */
  welcomedOnce = false

  constructor(agent: LoadAgent, options: LoopOptions) {
    this.#agent = agent
    this.#options = options
    const { streams, rows } = options.template.shape
    this.#readings = streams * rows
  }

  /** Batches without receipt. */
  get waiting(): number {
    return this.#agent.waiting.length
  }

  /** Connects. */
  start(): void {
    void this.#dial()
  }

  /** Seals no more, and does not break connections any more. */
  finish(): void {
    this.#finishing = true
    clearTimeout(this.#sealTimer)
    clearTimeout(this.#breakTimer)
  }

  /** Disconnects for good. */
  stop(): void {
    this.finish()
    this.#stopped = true
    clearTimeout(this.#dialTimer)
    this.#connection?.drop()
  }

  async #dial(): Promise<void> {
    this.#free = await this.#options.admit()
    if (this.#stopped) return
    const { dialler, tally, random } = this.#options
    this.#connection = new LoadConnection(
      dialler,
      this.#agent,
      tally,
      random() < 0.5 ? 'receipt' : 'durable',
      {
        welcomed: () => this.#welcomed(),
        acknowledged: () => {},
        end: (retryAfterMs) => this.#ended(retryAfterMs),
      },
    )
  }

  #welcomed(): void {
    this.#free()
    const { reconnectMs, random } = this.#options
    if (!this.welcomedOnce) {
      this.welcomedOnce = true
      // Every agent's batches fall due at a moment of their own; readings begin one batch before the first.
      const { batchMs } = this.#options.template
      this.#agent.startMs = Date.now() - batchMs + Math.floor(random() * batchMs)
      this.#schedule()
    }
    if (reconnectMs !== undefined && !this.#finishing) {
      this.#breakTimer = setTimeout(() => this.#connection?.drop(), exponential(reconnectMs, random))
    }
  }

  /** Waits for the end of the next batch's readings, and a little. */
  #schedule(): void {
    const { template, random } = this.#options
    const readyMs = this.#agent.startMs + (this.#agent.sealed + 1) * template.batchMs
    const dueMs = readyMs + random() * template.batchMs * JITTER
    this.#sealTimer = setTimeout(() => this.#seal(dueMs), Math.max(0, dueMs - Date.now()))
  }

  #seal(dueMs: number): void {
    const tally = this.#options.tally()
    if (this.#agent.waiting.length >= WAITING_MAX) {
      tally.heldBack++
      this.#sealTimer = setTimeout(() => this.#seal(dueMs), this.#options.template.batchMs)
      return
    }
    this.#agent.seal(tally)
    tally.sealed(this.#readings, Date.now() - dueMs)
    this.#connection?.pump()
    this.#schedule()
  }

  #ended(retryAfterMs: number): void {
    this.#free()
    clearTimeout(this.#breakTimer)
    this.#connection = undefined
    if (this.#stopped) return
    const { random, tally } = this.#options
    tally().reconnects++
    const pauseMs = retryAfterMs > 1 ? retryAfterMs : RETRY_MS
    this.#dialTimer = setTimeout(() => void this.#dial(), pauseMs + random() * REDIAL_MS)
  }
}
