import { createCollector, readCollectorConfig } from '@vouch/collector/index.ts'
import { SYSTEM_CLOCK } from '@vouch/collector/clock.ts'
import { TestConnection, enrolAgent } from '@vouch/collector/testing/test-agent.ts'
import type { Engine } from '@vouch/clickhouse'
import type { Receipt } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'

/** Two days of one agent, as they were delivered. */
export interface TwoDays {
  /** Start of the first day, epoch milliseconds. */
  readonly firstMs: number
  readonly publicKey: string
  readonly collectorKey: string
  /** Receipts as the collector sent them. */
  readonly receipts: readonly Receipt[]
  readonly batches: number
}

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const BATCHES_A_DAY = 8
const READINGS_A_BATCH = 6
const TTL_MS = 60_000
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** A real collector takes a batch of six readings every three hours over the two days before this one, by a clock of its own. */
export async function deliverTwoDays(
  engine: Engine,
  settings: Readonly<Record<string, string>>,
): Promise<TwoDays> {
  const firstMs = Math.floor(Date.now() / DAY_MS) * DAY_MS - 2 * DAY_MS
  let nowMs = firstMs
  const config = unwrap(readCollectorConfig({ ...settings, VOUCH_COLLECTOR_LISTEN: '127.0.0.1:0' }))
  const collector = createCollector({
    config,
    clickhouse: () => engine.connect(),
    postgresUrl: config.databaseUrl,
    logger: silent,
    clock: { ...SYSTEM_CLOCK, now: () => nowMs },
  })
  const { address } = await collector.start()
  try {
    const agent = await enrolAgent(address, await collector.tokens.create({ ttlMs: TTL_MS }))
    const receipts: Receipt[] = []
    let register = 0n
    for (let day = 0; day < 2; day++) {
      // Each day is a run of its own, over a connection of its own.
      if (day > 0) agent.restart()
      const connection = new TestConnection(address, agent)
      await connection.hello()
      connection.declare(agent.stream)
      for (let batch = 1; batch <= BATCHES_A_DAY; batch++) {
        nowMs = firstMs + day * DAY_MS + batch * 3 * HOUR_MS - 1_000
        const samples = Array.from({ length: READINGS_A_BATCH }, (_, row) => ({
          timeMs: nowMs - (READINGS_A_BATCH - row) * 500_000,
          register: (register += 7n),
          spanMs: 500_000,
        }))
        connection.batch(agent.seal(samples, { wallMs: nowMs, final: batch === BATCHES_A_DAY }))
        // In twos, so that a receipt may cover more than its own batch.
        if (batch % 2 === 0) receipts.push(...(await connection.receipt(agent.sequence)))
      }
      connection.close()
    }
    return {
      firstMs,
      publicKey: agent.signer.publicKey.toHex(),
      collectorKey: agent.collectorKey.toHex(),
      receipts,
      batches: 2 * BATCHES_A_DAY,
    }
  } finally {
    await collector.stop()
  }
}
