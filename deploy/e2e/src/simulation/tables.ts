import type { AdmittedBatch, Hex, StreamRow } from '@vouch/collector/ports.ts'
import type { Loss } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { Reading } from './readings.ts'

/** A row of `readings`. */
export interface StoredReading extends Reading {
  readonly agent: Hex
  readonly run: Hex
  readonly sequence: bigint
}

/** A row of `lattice`, merged. */
export interface HourState {
  firstTimeMs: number
  lastTimeMs: number
  firstRegister: bigint
  lastRegister: bigint
  minutes: bigint
}

/** A row of `losses`. */
export interface StoredLoss extends Loss {
  readonly agent: Hex
}

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

/** What is durable. Rows replace each other by the keys of the real tables, or merge. */
export class Tables {
  readonly streams = new Map<Hex, StreamRow>()
  readonly readings = new Map<string, StoredReading>()
  /** By stream, epoch and hour. */
  readonly hours = new Map<string, HourState>()
  readonly losses = new Map<string, StoredLoss>()
  readonly quarantine = new Map<string, AdmittedBatch>()
  /** In the order of their insertion. */
  readonly batches = new Map<string, AdmittedBatch>()

  addStream(row: StreamRow): void {
    this.streams.set(row.streamId.toHex(), row)
  }

  addReading(row: StoredReading): void {
    this.readings.set(`${row.stream} ${row.epoch} ${row.timeMs} ${row.register}`, row)
  }

  /** What the materialized view does with a reading: its own hour, and the minutes of the hours its span reaches into. */
  feed({ stream, epoch, timeMs, register, spanMs }: Reading): void {
    const sinceMs = Math.max(0, timeMs - spanMs)
    for (let hour = Math.floor(sinceMs / HOUR_MS); hour <= Math.floor(timeMs / HOUR_MS); hour++) {
      const key = `${stream} ${epoch} ${hour}`
      const known = this.hours.get(key)
      const state = known ?? {
        firstTimeMs: Infinity,
        lastTimeMs: 0,
        firstRegister: 2n ** 64n - 1n,
        lastRegister: 0n,
        minutes: 0n,
      }
      this.hours.set(key, state)
      for (let minute = 0; minute < 60; minute++) {
        const fromMs = hour * HOUR_MS + minute * MINUTE_MS
        if (timeMs >= fromMs && sinceMs < fromMs + MINUTE_MS) state.minutes |= 1n << BigInt(minute)
      }
      if (hour !== Math.floor(timeMs / HOUR_MS)) continue
      state.firstTimeMs = Math.min(state.firstTimeMs, timeMs)
      state.lastTimeMs = Math.max(state.lastTimeMs, timeMs)
      if (register < state.firstRegister) state.firstRegister = register
      if (register > state.lastRegister) state.lastRegister = register
    }
  }

  addLosses(batch: AdmittedBatch): void {
    const agent = batch.agentId.toHex()
    for (const loss of batch.columns?.losses ?? []) {
      const { fromMs, toMs, reason } = loss
      const key = `${agent} ${batch.runId.toHex()} ${batch.sequence} ${fromMs} ${toMs} ${reason}`
      this.losses.set(key, { ...loss, agent })
    }
  }

  addQuarantined(batch: AdmittedBatch): void {
    this.quarantine.set(`${batch.digest.toHex()} ${batch.fault?.code}`, batch)
  }

  addBatch(batch: AdmittedBatch): void {
    this.batches.set(placeOf(batch), batch)
  }

  holds(batch: AdmittedBatch): boolean {
    return this.batches.has(placeOf(batch))
  }

  /** The chain's batches of one agent, in the order of their insertion. */
  batchesOf(agentId: Uint8Array): AdmittedBatch[] {
    const agent = agentId.toHex()
    return [...this.batches.values()].filter((batch) => batch.agentId.toHex() === agent)
  }

  /** A batch is in the archive, and where its readings are not to be taken, the reason is too. */
  isKept(digest: Hex): boolean {
    const batch = this.batches.values().find((each) => each.digest.toHex() === digest)
    if (batch === undefined) return false
    return batch.fault === undefined || this.quarantine.has(`${digest} ${batch.fault.code}`)
  }
}

function placeOf({ agentId, runId, sequence, digest }: AdmittedBatch): string {
  return `${agentId.toHex()} ${runId.toHex()} ${sequence} ${digest.toHex()}`
}
