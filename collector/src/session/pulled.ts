import { backoffMs } from '@vouch/proto/kernel/backoff.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { PullTarget } from '../fleet/pull-ports.ts'
import type { Clock } from '../ports.ts'
import type { Wire } from './wire.ts'

/** A connection to an agent that this collector has dialled. */
export interface DialledWire extends Wire {
  /** Ends it as if the agent had: what was taken still gets its receipts. */
  hangUp(): void
  /** Frees what it takes once it is over; why it ended, undefined for an end in order. */
  close(): Promise<Fault | undefined>
}

/** What dialling works with. */
export interface PulledDeps {
  /** Connects; `welcomed` is called when the agent is in. Faults: UNAVAILABLE, CONFIG_INVALID. */
  readonly dial: (target: PullTarget, welcomed: () => void) => Promise<Result<DialledWire>>
  readonly converse: (wire: Wire) => Promise<void>
  /** Whether no other collector can have this agent by now. */
  readonly mayDial: () => boolean
  /** Waits until few enough others are being dialled; what it returns makes room again. */
  readonly turn: () => Promise<() => void>
  /** It is connected, or why it is not. */
  readonly changed: (target: PullTarget, fault: Fault | undefined) => void
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  /** Longest pause between two tries, milliseconds. */
  readonly retryMaxMs: number
}

/** First pause, doubled with each failure, drawn evenly from 0 on; milliseconds. */
const RETRY_BASE_MS = 500
/** Why a wait ends early; without a reason of our own an exception is made for each. */
const STOPPED = 'stopped'
const UNTOLD: Fault = { code: 'UNAVAILABLE', message: 'the connection ended before the agent was in' }

/** One agent that this collector dials, again and again until it is stopped. */
export class Pulled {
  readonly target: PullTarget
  /** Resolves when the last connection is over. */
  readonly done: Promise<void>
  readonly #deps: PulledDeps
  readonly #stopping = new AbortController()
  #wire: DialledWire | undefined

  constructor(target: PullTarget, deps: PulledDeps) {
    this.target = target
    this.#deps = deps
    this.done = this.#run()
  }

  /** Dials no more, and ends the connection in order. */
  stop(): void {
    this.#stopping.abort(STOPPED)
    this.#wire?.hangUp()
  }

  /** Dials no more; the connection, if there is one, is ended by somebody else. */
  cease(): void {
    this.#stopping.abort(STOPPED)
  }

  async #run(): Promise<void> {
    const { clock, random, retryMaxMs } = this.#deps
    const { signal } = this.#stopping
    // Agents that are taken together are not dialled together.
    await clock.sleep(Math.floor(random() * RETRY_BASE_MS), signal)
    let attempt = 0
    while (!signal.aborted) {
      if (this.#deps.mayDial()) attempt = (await this.#connect()) ? 0 : attempt + 1
      await clock.sleep(backoffMs(attempt, random(), { baseMs: RETRY_BASE_MS, capMs: retryMaxMs }), signal)
    }
  }

  /** One connection from beginning to end; whether the agent was in. */
  async #connect(): Promise<boolean> {
    const { dial, converse, changed, turn } = this.#deps
    const done = await turn()
    if (this.#stopping.signal.aborted) {
      done()
      return false
    }
    let isIn = false
    const welcomed = (): void => {
      isIn = true
      done()
      changed(this.target, undefined)
    }
    const dialled = await dial(this.target, welcomed)
    if (!dialled.ok) {
      done()
      changed(this.target, dialled.fault)
      return false
    }
    this.#wire = dialled.value
    if (this.#stopping.signal.aborted) this.#wire.hangUp()
    // Whatever breaks off a conversation shows in how the connection ends.
    const broken = await converse(dialled.value).catch(() => UNTOLD)
    this.#wire = undefined
    const fault = await dialled.value.close()
    done()
    if (fault !== undefined || !isIn || broken !== undefined) changed(this.target, fault ?? UNTOLD)
    return isIn
  }
}
