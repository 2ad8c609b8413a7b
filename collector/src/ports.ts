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

/** Whether an agent may deliver. */
export type AgentState = 'active' | 'revoked' | 'quarantined'

/** One key of an agent. */
export interface AgentKeyState {
  readonly publicKey: Uint8Array
  /** Rotated away at this time, epoch milliseconds; undefined = in force. */
  readonly retiredMs: number | undefined
}

/** An agent with its keys by key id. */
export interface AgentRecord {
  /** What it is enrolled for: it may meter this and what lies below. */
  readonly resource: string
  readonly state: AgentState
  readonly reason: string
  readonly keys: ReadonlyMap<Hex, AgentKeyState>
}

/** What a collector noticed of one agent. Nothing is billed by it. */
export interface Observation {
  /** 16 bytes. */
  readonly agentId: Uint8Array
  /** When something was heard of it last; this and other times: epoch milliseconds of the collector's clock, unless said. */
  readonly heardMs: number
  /** As of the last hello. */
  readonly agentVersion: string
  readonly address: string
  /** 16 bytes; and the last batch of that run that came. */
  readonly runId: Uint8Array
  readonly lastSequence: bigint
  /** Collector's clock less the agent's, milliseconds. */
  readonly clockOffsetMs: number | undefined
  readonly newestReadingMs: number | undefined
  /** What waits at the agent, as it says; `oldestMs` is the sealing of the oldest batch, by the agent's clock. */
  readonly spool:
    { readonly batches: bigint; readonly bytes: bigint; readonly oldestMs: number | undefined } | undefined
  /** The last batch was the one of an orderly stop. */
  readonly stopped: boolean
}

/** An agent as operators see it. */
export interface AgentSummary {
  readonly agentId: Hex
  readonly label: string
  readonly resource: string
  /** As of the last hello, else of the enrolment. */
  readonly agentVersion: string
  readonly state: AgentState
  readonly reason: string
  readonly enrolledMs: number
  readonly lastSeenMs: number | undefined
  /** Since when an alarm stands that it is silent. */
  readonly silentSinceMs: number | undefined
  /** The newest report of any collector. */
  readonly status:
    | (Omit<Observation, 'agentId' | 'agentVersion' | 'runId'> & {
        readonly runId: Hex
        /** Which collector heard of it last, by its address. */
        readonly collector: string
        /** Now less the newest reading that came, milliseconds. */
        readonly lagMs: number | undefined
      })
    | undefined
}

/** Which agents to list; every condition that is given holds. */
export interface AgentFilter {
  readonly agentId?: Uint8Array
  readonly state?: AgentState
  readonly silent?: boolean
}

/** What one collector knows of the fleet at one moment. */
export interface FleetReport {
  /** Its address. */
  readonly collector: string
  readonly nowMs: number
  readonly connected: readonly Uint8Array[]
  readonly observations: readonly Observation[]
}

/** What the registry answers to a report. */
export interface FleetNews {
  /** Every agent reported. */
  readonly agents: readonly { readonly agentId: Hex; readonly state: AgentState; readonly keys: number }[]
  /** Those of which another collector has heard in the last ten minutes. */
  readonly elsewhere: readonly Hex[]
}

/** Alarms that began or ended. */
export interface SilenceChange {
  readonly agentId: Hex
  readonly resource: string
  readonly state: AgentState
  readonly lastSeenMs: number | undefined
}

/** The fleet in figures. */
export interface FleetTotals {
  readonly agents: Readonly<Record<AgentState, number>>
  readonly silent: number
  /** Of active agents that neither stopped nor are silent: the longest time since a reading that came, milliseconds. */
  readonly lagMaxMs: number
  /** And the largest clock offset of either sign, milliseconds. */
  readonly clockOffsetMaxMs: number
}

/** What an enrolment brings. */
export interface EnrolmentInput {
  readonly token: string
  readonly publicKey: Uint8Array
  readonly label: string
  readonly resource: string
  readonly agentVersion: string
}

/** Archives a key inside the transaction that registers it. */
export type KeyWitness = (agentId: Uint8Array) => Promise<Result<void>>

/** The fleet registry. Every fault also: STORE_UNAVAILABLE, STORE_READ_ONLY, DISK_FULL. */
export interface Fleet {
  /** Issues a single-use token; only its hash is kept. */
  createToken(options: { readonly ttlMs: number; readonly label?: string }): Promise<Result<string>>
  /** Spends a token and registers the key. Faults: TOKEN_UNKNOWN, TOKEN_SPENT, TOKEN_EXPIRED, ALREADY_EXISTS. */
  enrol(input: EnrolmentInput, witness: KeyWitness): Promise<Result<Uint8Array>>
  /** Retires the key in force for a new one, at a time that is returned. Faults: AGENT_UNKNOWN, KEY_RETIRED. */
  rotate(
    agentId: Uint8Array,
    keys: { readonly current: Uint8Array; readonly next: Uint8Array },
    witness: KeyWitness,
  ): Promise<Result<number>>
  /** Reads an agent. Faults: AGENT_UNKNOWN. */
  agent(agentId: Uint8Array): Promise<Result<AgentRecord>>
  /** Notes what a collector knows; of two reports of an agent the one that heard of it later stays. */
  report(report: FleetReport): Promise<Result<FleetNews>>
  /** Raises an alarm for agents not seen for so long that did not stop, and ends those of agents that are back. Each change is told to one caller. */
  silence(
    afterMs: number,
  ): Promise<Result<{ readonly begun: readonly SilenceChange[]; readonly over: readonly SilenceChange[] }>>
  totals(): Promise<Result<FleetTotals>>
  /** Revokes or quarantines an agent for good. Faults: AGENT_UNKNOWN. */
  bar(agentId: Uint8Array, state: 'revoked' | 'quarantined', reason: string): Promise<Result<void>>
  /** Agents by time of enrolment, at most `limit`. */
  list(limit: number, filter?: AgentFilter): Promise<Result<readonly AgentSummary[]>>
}
