import { setTimeout as sleep } from 'node:timers/promises'
import { TestConnection } from '@vouch/collector/testing/test-agent.ts'
import type { TestAgent } from '@vouch/collector/testing/test-agent.ts'

/** What became of an honest agent's batches. */
export interface HonestReport {
  readonly batches: number
  /** The longest that a batch waited for its receipt, milliseconds. */
  readonly slowestMs: number
}

const BATCH_READINGS = 10

/** An agent that delivers a batch, waits for its receipt, and delivers the next. */
export class HonestAgent {
  readonly agent: TestAgent
  readonly #connection: TestConnection
  readonly #done: Promise<HonestReport>
  #stopped = false

  private constructor(connection: TestConnection, agent: TestAgent, pauseMs: number) {
    this.agent = agent
    this.#connection = connection
    this.#done = this.#deliver(pauseMs)
    // Whoever asks for the report is told.
    this.#done.catch(() => undefined)
  }

  /** One that the collector has welcomed; a batch each `pauseMs`. Throws a FaultError where it is refused. */
  static async start(address: string, agent: TestAgent, pauseMs = 50): Promise<HonestAgent> {
    const connection = new TestConnection(address, agent)
    await connection.hello()
    connection.declare(agent.stream)
    return new HonestAgent(connection, agent, pauseMs)
  }

  /** Lets it finish its batch. Throws a FaultError where anything but a receipt came. */
  async report(): Promise<HonestReport> {
    this.#stopped = true
    return this.#done
  }

  async #deliver(pauseMs: number): Promise<HonestReport> {
    const connection = this.#connection
    const startMs = Date.now() - 3_600_000
    let slowestMs = 0
    let row = 0
    for (let sequence = 1n; ; sequence++) {
      const readings = Array.from({ length: BATCH_READINGS }, () => ({
        timeMs: startMs + row,
        register: BigInt(row++),
      }))
      const sentMs = performance.now()
      connection.batch(this.agent.seal(readings))
      const [receipt] = await connection.receipt(sequence)
      slowestMs = Math.max(slowestMs, performance.now() - sentMs)
      if (receipt!.quarantined.length > 0) throw new Error('an honest batch was set aside')
      if (this.#stopped) {
        connection.close()
        return { batches: Number(sequence), slowestMs: Math.round(slowestMs) }
      }
      await sleep(pauseMs)
    }
  }
}
