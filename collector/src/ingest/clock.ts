/** How far an agent's clock may lie from ours before it is worth a warning or a refusal. */
export interface ClockLimits {
  /** Ahead of us: beyond this no reading can be true. */
  readonly aheadMaxMs: number
  /** Behind us: beyond this, unless the batch waited in a spool, the clock is wrong. */
  readonly behindMaxMs: number
}

/** How an agent's clock compares with ours; the offset is ours − its own, milliseconds. */
export interface ClockReading {
  readonly offsetMs: number
  readonly judgement: 'fine' | 'ahead' | 'behind-or-late'
}

/** Compares the wall clock at sealing with ours at arrival, both epoch milliseconds. */
export function compareClocks(sealedMs: number, receivedMs: number, limits: ClockLimits): ClockReading {
  const offsetMs = receivedMs - sealedMs
  if (offsetMs < -limits.aheadMaxMs) return { offsetMs, judgement: 'ahead' }
  return { offsetMs, judgement: offsetMs > limits.behindMaxMs ? 'behind-or-late' : 'fine' }
}
