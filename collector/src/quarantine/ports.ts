import type { FaultCode, Result } from '@vouch/proto/kernel/fault.ts'
import type { Hex } from '../ports.ts'
import type { EpochRange, Run } from './agree.ts'

/** What operators may have decided about a batch in quarantine. `redriven` is final: its readings were taken. */
export type QuarantineState = 'open' | 'redriven' | 'discarded'

/** A batch in quarantine, without its bytes. */
export interface QuarantineEntry {
  /** UUID. */
  readonly id: string
  readonly agentId: Hex
  readonly runId: Hex
  readonly sequence: bigint
  /** Why its readings were not taken. */
  readonly code: string
  readonly message: string
  readonly peer: string
  /** Arrival, epoch milliseconds. */
  readonly receivedMs: number
  /** Of header and body. */
  readonly bytes: number
  readonly state: QuarantineState
  /** Of the decision in force, epoch milliseconds; 0 = none. */
  readonly decidedMs: number
  readonly decidedBy: string
  readonly reason: string
}

/** The bytes as they were signed. */
export interface QuarantinedBytes {
  readonly id: string
  readonly header: Uint8Array
  readonly body: Uint8Array
  readonly signature: Uint8Array
  readonly keyId: Uint8Array
}

/** Which batches are meant; undefined = any. */
export interface QuarantineFilter {
  readonly agentId?: Hex | undefined
  readonly code?: FaultCode | undefined
  readonly state?: QuarantineState | undefined
  readonly ids?: readonly string[] | undefined
}

/** A decision about one batch. */
export interface Decision {
  readonly entry: QuarantineEntry
  readonly decision: 'redriven' | 'discarded'
  readonly decidedMs: number
  readonly by: string
  readonly reason: string
}

/** Existing readings around a range of an epoch. */
export interface Surroundings {
  /** The reading before and the one after; empty = none. */
  readonly beside: readonly Run[]
  /** Readings inside, both ends included. */
  readonly inside: number
}

/** Where quarantine lies. Every fault: STORE_UNAVAILABLE, STORE_READ_ONLY, DISK_FULL. */
export interface Quarantine {
  /** Entries in the order of agent and id, at most `limit`, after an entry. */
  page(
    filter: QuarantineFilter,
    after: QuarantineEntry | undefined,
    limit: number,
  ): Promise<Result<readonly QuarantineEntry[]>>
  /** Their bytes, in any order. */
  bytes(entries: readonly QuarantineEntry[]): Promise<Result<readonly QuarantinedBytes[]>>
  /** Digests in the places of these batches and in those before, named by {@link placeOf}. */
  digests(entries: readonly QuarantineEntry[]): Promise<Result<ReadonlyMap<string, Hex>>>
  /** Archived public keys of an agent, by key id. */
  keys(agentId: Hex): Promise<Result<ReadonlyMap<Hex, Uint8Array>>>
  /** Streams that an agent has declared by now, as map keys, with their meters. */
  streams(agentId: Hex): Promise<Result<ReadonlyMap<string, string>>>
  /** What is stored around each range, in their order. */
  surroundings(ranges: readonly EpochRange[]): Promise<Result<readonly Surroundings[]>>
  /** Stored readings of a range after a time, ascending, at most `limit`. */
  readings(range: EpochRange, afterMs: bigint, limit: number): Promise<Result<Run>>
  /** Whether any reading of this batch is stored, looked for among these ranges. */
  isTaken(entry: QuarantineEntry, ranges: readonly EpochRange[]): Promise<Result<boolean>>
  /** Adds decisions; when it returns they are durable. Safe to repeat. */
  decide(decisions: readonly Decision[]): Promise<Result<void>>
}

/** Name of a place in a chain, for maps. */
export function placeOf(agentId: Hex, runId: Hex, sequence: bigint): string {
  return `${agentId} ${runId} ${sequence}`
}
