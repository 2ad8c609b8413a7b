import { FaultError, fail } from '@vouch/proto/kernel/fault.ts'
import type { LoadAgent } from '../load/agent.ts'
import { LoadConnection } from '../load/connection.ts'
import type { Dialler } from '../load/http2-client.ts'
import { Tally } from '../load/tally.ts'

/** One agent's Push stream that must not break: whatever is refused fails the bench. */
export class Delivery {
  readonly agent: LoadAgent
  readonly #connection: LoadConnection
  readonly #tally: Tally
  readonly #welcomed = Promise.withResolvers<void>()
  #settled = Promise.withResolvers<void>()

  constructor(dialler: Dialler, agent: LoadAgent) {
    this.agent = agent
    this.#tally = new Tally()
    // Either may fail when nobody waits for it.
    this.#welcomed.promise.catch(() => undefined)
    this.#settled.promise.catch(() => undefined)
    this.#connection = new LoadConnection(dialler, agent, () => this.#tally, 'receipt', {
      welcomed: () => this.#welcomed.resolve(),
      acknowledged: () => this.#acknowledged(),
      end: () => this.#fail(),
    })
  }

  /** Resolves when the collector has accepted the agent and its streams are declared. */
  async welcomed(): Promise<void> {
    await this.#welcomed.promise
  }

  /** Sends what is sealed up to batch `count`, as far as not sent, and waits for the receipts of all. */
  async deliver(count: number): Promise<void> {
    this.agent.limit = count
    this.#settled = Promise.withResolvers()
    this.#connection.pump()
    this.#acknowledged()
    await this.#settled.promise
  }

  /** Seals a batch now and sends it, where the window has room. */
  sealAndSend(tally: Tally): void {
    const sealed = this.agent.seal(tally)
    tally.sealed(0, 0)
    this.agent.limit = sealed.sequence
    this.#connection.pump()
  }

  close(): void {
    this.#connection.drop()
  }

  #acknowledged(): void {
    if (this.#tally.refused.size > 0) this.#fail()
    else if (this.agent.acknowledged >= this.agent.limit) this.#settled.resolve()
  }

  #fail(): void {
    const refused = [...this.#tally.refused.keys()].join(', ') || 'the connection ended'
    const error = new FaultError(fail('UNAVAILABLE', `an agent of the load was cut off: ${refused}`).fault)
    this.#welcomed.reject(error)
    this.#settled.reject(error)
  }
}
