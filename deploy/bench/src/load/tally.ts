import { LatencyHistogram } from './latency.ts'

/** A receipt that comes later than this after its batch was sealed is late. */
export const DEADLINE_MS = 5_000

/** What became of the batches of one stretch of time. */
export class Tally {
  /** From sealing to receipt. */
  readonly latency = new LatencyHistogram()
  /** Refusals and faults in receipts, by code. */
  readonly refused = new Map<string, number>()
  batches = 0
  readings = 0
  /** Receipts with a signature that holds; one may cover many batches. */
  receipts = 0
  late = 0
  reconnects = 0
  /** Batches sent again, as they had no receipt when the connection ended. */
  resent = 0
  /** Batches that were due while so many waited that none was added. */
  heldBack = 0
  /** Batches whose receipt names a fault. */
  quarantined = 0
  /** What a collector must never do: receipts that do not hold, durable batches gone. */
  violations = 0
  /** How late the generator itself was at the worst, milliseconds. */
  lagMaxMs = 0

  /** A batch of so many readings was sealed, this long after it was due. */
  sealed(readings: number, lagMs: number): void {
    this.batches++
    this.readings += readings
    this.lagMaxMs = Math.max(this.lagMaxMs, Math.round(lagMs))
  }

  /** A batch got its receipt, this long after it was sealed. */
  acknowledged(latencyMs: number): void {
    this.latency.add(latencyMs)
    if (latencyMs > DEADLINE_MS) this.late++
  }

  /** A batch or connection was refused with this code. */
  refuse(code: string): void {
    this.refused.set(code, (this.refused.get(code) ?? 0) + 1)
  }

  /** Batches without receipt. */
  get missing(): number {
    return this.batches - this.latency.count
  }

  /** Everything as figures. */
  figures(): Record<string, number> {
    const { latency, refused } = this
    return {
      batches: this.batches,
      readings: this.readings,
      receipts: this.receipts,
      batchesWithoutReceipt: this.missing,
      batchesQuarantined: this.quarantined,
      violations: this.violations,
      latencyP50Ms: latency.quantileMs(0.5),
      latencyP99Ms: latency.quantileMs(0.99),
      latencyMaxMs: latency.maxMs,
      [`laterThan${DEADLINE_MS}Ms`]: this.late,
      reconnects: this.reconnects,
      batchesResent: this.resent,
      batchesHeldBack: this.heldBack,
      generatorLagMaxMs: this.lagMaxMs,
      ...Object.fromEntries([...refused].map(([code, count]) => [`refused ${code}`, count])),
    }
  }
}
