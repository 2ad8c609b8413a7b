import { setTimeout } from 'node:timers/promises'
import { startTestCollector } from '@vouch/collector/testing/test-collector.ts'
import type { TestCollector } from '@vouch/collector/testing/test-collector.ts'

const BATCHES = 3
const PATIENCE_MS = 20_000

/** A collector on real stores that an installed agent enrols with. */
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
      VOUCH_LOG_LEVEL: 'error',
      VOUCH_AGENT_CADENCE_MS: '200',
      VOUCH_AGENT_BATCH_INTERVAL_MS: '200',
    }
  }

  token(): Promise<string> {
    return this.#collector.collector.tokens.create({ ttlMs: 60_000 })
  }

  /** Waits until the collector has three more batches; rejects where they do not come. */
  async goesOn(): Promise<void> {
    const enough = (await this.#count('batches_v1')) + BATCHES
    await this.#until(async () => (await this.#count('batches_v1')) >= enough, 'no batches came')
  }

  /** Waits until the collector knows a stream of a meter. */
  async has(meter: string): Promise<void> {
    const isKnown = async (): Promise<boolean> => (await this.#count('streams_v1', `meter = '${meter}'`)) > 0
    await this.#until(isKnown, `no ${meter} came`)
  }

  async stop(): Promise<void> {
    await this.#collector.dispose()
  }

  async #until(isSo: () => Promise<boolean>, otherwise: string): Promise<void> {
    for (const sinceMs = Date.now(); !(await isSo()); await setTimeout(100))
      if (Date.now() - sinceMs > PATIENCE_MS) throw new Error(otherwise)
  }

  async #count(table: string, where = '1'): Promise<number> {
    const { database } = this.#collector
    const [row] = await this.#collector.query<{ rows: string }>(
      `SELECT count() AS rows FROM ${database}.${table} WHERE ${where}`,
    )
    return Number(row?.rows)
  }
}
