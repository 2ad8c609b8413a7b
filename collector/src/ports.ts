import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'

/** The part of a pino logger that is used. */
export interface Logger {
  debug(context: object, message: string): void
  info(context: object, message: string): void
  warn(context: object, message: string): void
  error(context: object, message: string): void
}

/** Time, as a parameter. */
export interface Clock {
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Resolves after so many milliseconds, or at once when the signal aborts. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>
}

/** What happens, counted. */
export interface Telemetry {
  /** A batch came to its end: `taken`, `duplicate`, or a fault code. */
  batch(outcome: string): void
  /** Readings made durable by one insert that took so long. */
  committed(readings: number, tookMs: number): void
  /** A stream opened (1) or closed (-1). */
  stream(change: 1 | -1): void
}

/** What is missing or late, counted at ingest once it is durable. */
export interface GapTelemetry {
  /** A batch was set aside, under a fault code. */
  quarantined(code: string): void
  /** Gaps became known. */
  gap(kind: 'lost' | 'quarantined' | 'unreceived', count: number): void
  /** Readings were taken that came later than the setting allows for. */
  late(readings: number): void
}

/** Bytes as lower-case hexadecimal: ids and digests as map keys and in logs. */
export type Hex = string

/** A batch whose signature holds and whose place in the chain is settled. */
export interface AdmittedBatch {
  /** 16 bytes each. */
  readonly agentId: Uint8Array
  readonly runId: Uint8Array
  readonly sequence: bigint
  /** 32 bytes. */
  readonly digest: Uint8Array
  /** 32 bytes, or none. */
  readonly previous: Uint8Array
  /** As sent. */
  readonly header: Uint8Array
  readonly body: Uint8Array
  readonly signature: Uint8Array
  readonly keyId: Uint8Array
  /** The readings; undefined where the body cannot be decoded. */
  readonly columns: Columns | undefined
  /** Class of the meter of each of its streams; empty where the readings are not taken. */
  readonly classes: readonly string[]
  /** Why the readings are not taken; undefined = they are. */
  readonly fault: Fault | undefined
  /** False for a fork: it is kept in quarantine, and not part of the chain. */
  readonly chained: boolean
  /** SignedReceipt, encoded, where one is stored with this batch: it covers those before it too. */
  readonly receipt?: Uint8Array
  readonly final: boolean
  /** Version of the policy that was in force when it was sealed; 0 = the agent's settings. */
  readonly policyVersion: bigint
  /** Agent's wall clock at sealing, and ours at arrival: epoch milliseconds. */
  readonly wallMs: number
  readonly receivedMs: number
  /** Address of the connection that brought it. */
  readonly peer: string
}

/** A stream as declared by its agent. */
export interface StreamRow {
  readonly streamId: Uint8Array
  readonly agentId: Uint8Array
  readonly resource: string
  readonly meter: string
  readonly unit: string
  readonly kind: number
  readonly attributes: Readonly<Record<string, string>>
  readonly declaredMs: number
}

/** What one insert makes durable. */
export interface CommitGroup {
  readonly streams: readonly StreamRow[]
  readonly batches: readonly AdmittedBatch[]
}

/** A place in the chain of a run. */
export interface Link {
  readonly sequence: bigint
  readonly digest: Hex
}

/** Newest reading of an epoch of a stream. */
export interface LastReading {
  readonly timeMs: bigint
  readonly register: bigint
}

/** Readings and signed batches. An answer is as of a moment after the question. Every fault: STORE_UNAVAILABLE, STORE_READ_ONLY, DISK_FULL. */
export interface Archive {
  /** Returns when everything in the group survives a power cut. Safe to repeat. */
  commit(group: CommitGroup): Promise<Result<void>>
  /** Last link of a run. */
  head(agentId: Uint8Array, runId: Uint8Array): Promise<Result<Link | undefined>>
  /** Digest of one batch of a run. */
  digestAt(agentId: Uint8Array, runId: Uint8Array, sequence: bigint): Promise<Result<Hex | undefined>>
  /** Whether the agent has any batch at all. */
  hasAgent(agentId: Uint8Array): Promise<Result<boolean>>
  /** Whether a batch of the agent has this digest, 32 bytes. */
  hasDigest(agentId: Uint8Array, digest: Uint8Array): Promise<Result<boolean>>
  /** Digest of a batch of the agent that names this one, 32 bytes, as the one before. */
  successor(agentId: Uint8Array, digest: Uint8Array): Promise<Result<Hex | undefined>>
  /** Newest readings, in the order asked for. */
  lastReadings(keys: readonly EpochKey[]): Promise<Result<readonly (LastReading | undefined)[]>>
  /** Archives an agent's public key. */
  addKey(key: KeyRow): Promise<Result<void>>
}

/** A stream's epoch. */
export interface EpochKey {
  readonly streamId: Uint8Array
  readonly epoch: bigint
}

/** A public key for the archive. */
export interface KeyRow {
  readonly agentId: Uint8Array
  readonly keyId: Uint8Array
  readonly publicKey: Uint8Array
  readonly registeredMs: number
}
