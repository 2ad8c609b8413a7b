import { RegisterKind } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Sent } from './memory-store.ts'
import { type Sample, type TestBatch, createTestAgent } from './test-agent.ts'

const MINUTE_MS = 60_000
const START_MS = Date.UTC(2026, 2, 1)

/** The hour that the test invoices bill. */
export const BILLED: Period = { from: START_MS + 10 * MINUTE_MS, to: START_MS + 70 * MINUTE_MS }

/** A host that restarts once, with a hole in one epoch: two streams billed, one not. */
export function measuredHost(name: string): Sent {
  const agent = createTestAgent(name)
  const host = `host:${name}`
  const cpu = agent.define(host, 'host.cpu.used', 'ms')
  const traffic = agent.define(`${host}/interface:eth0`, 'host.network.received', 'B')
  const memory = agent.define(host, 'host.memory.held', 'MiB-second', RegisterKind.INTEGRAL)
  const batches: TestBatch[] = []
  const minutes = (from: number, to: number, epoch: bigint): void => {
    for (let first = from; first < to; first += 5) {
      const samples: Sample[] = []
      for (let minute = first; minute < Math.min(first + 5, to); minute += 1) {
        // One silent stretch: minutes 30 to 37 are measured, but not sampled.
        if (minute > 30 && minute < 37) continue
        const timeMs = START_MS + minute * MINUTE_MS + 137
        const spanMs = minute === from || minute === 37 ? 0 : MINUTE_MS
        const elapsed = BigInt(minute - from)
        samples.push({ stream: cpu, epoch, timeMs, register: epoch * 7n + elapsed * 31_415n, spanMs })
        samples.push({
          stream: traffic,
          epoch,
          timeMs,
          register: 10n ** 12n + elapsed * 271_828_182n,
          spanMs,
        })
        samples.push({ stream: memory, epoch, timeMs, register: elapsed * 61_440n, spanMs })
      }
      batches.push(agent.seal(samples))
    }
  }
  minutes(0, 50, 1000n)
  agent.restart()
  minutes(53, 80, 2000n)
  return { agent, streams: [cpu, traffic, memory], batches }
}
