import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { startTestCollector } from '@vouch/collector/testing/test-collector.ts'
import type { TestCollector } from '@vouch/collector/testing/test-collector.ts'

const BATCHES = 3
const PATIENCE_MS = 20_000

/** A collector on real stores that installed agents enrol with. */
export class Delivery {
  readonly #collector: TestCollector

  private constructor(collector: TestCollector) {
    this.#collector = collector
  }

  static async start(): Promise<Delivery> {
    return new Delivery(await startTestCollector())
  }

  /** What an agent is told: where the collector is, and to be quick. */
  settings(): Record<string, string> {
    return {
      VOUCH_AGENT_COLLECTOR: this.#collector.address,
      VOUCH_TLS: 'off',
      VOUCH_AGENT_CADENCE_MS: '200',
      VOUCH_AGENT_BATCH_INTERVAL_MS: '200',
    }
  }

  token(): Promise<string> {
    return this.#collector.collector.tokens.create({ ttlMs: 60_000 })
  }

  /**
   * Waits until the collector has three more batches of an agent, then ends the agent in order. Returns its exit code;
   * rejects with what the agent said where the batches do not come.
   */
  async delivers(agentId: string, agent: ChildProcess): Promise<unknown> {
    let said = ''
    agent.stdout?.on('data', (chunk) => void (said += String(chunk)))
    agent.stderr?.on('data', (chunk) => void (said += String(chunk)))
    const ended = once(agent, 'exit')
    const before = await this.#batches(agentId)
    const sinceMs = Date.now()
    while ((await this.#batches(agentId)) < before + BATCHES) {
      if (Date.now() - sinceMs > PATIENCE_MS) throw new Error(`no batches came: ${said}`)
      await setTimeout(100)
    }
    agent.kill('SIGTERM')
    const [code] = (await ended) as unknown[]
    return code
  }

  async stop(): Promise<void> {
    await this.#collector.dispose()
  }

  async #batches(agentId: string): Promise<number> {
    const { database } = this.#collector
    const [row] = await this.#collector.query<{ batches: string }>(
      `SELECT count() AS batches FROM ${database}.batches_v1 WHERE agent = unhex('${agentId}')`,
    )
    return Number(row?.batches)
  }
}
