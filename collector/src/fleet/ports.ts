import type { FaultCode, Result } from '@vouch/proto/kernel/fault.ts'
import type { Hex } from '../ports.ts'

/** Whether an agent may deliver. */
export type AgentState = 'active' | 'revoked' | 'quarantined' | 'decommissioned'

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
  /** Of its group; undefined = none was ever set. */
  readonly policy: PolicyRecord | undefined
}

/** A sampling policy. */
export interface PolicyRecord {
  /** Ascends over all groups. */
  readonly version: bigint
  /** Milliseconds between two looks, and between two batches. */
  readonly cadenceMs: number
  readonly batchIntervalMs: number
  /** Sources to run; none = those of the agent's own settings. */
  readonly sources: readonly string[]
  /** Attributes that streams carry; none = all that the agent's own settings choose. */
  readonly dimensions: readonly string[]
  /** Bounds of the spool: octets, and milliseconds. */
  readonly spoolBytesMax: bigint
  readonly spoolAgeMaxMs: bigint
  /** How long an agent may go by it without hearing of it again, milliseconds. */
  readonly validMs: number
}

/** A policy to be put in force. */
export interface PolicyInput {
  readonly group: string
  readonly policy: Omit<PolicyRecord, 'version'>
  /** Who says so. */
  readonly by: string
  readonly reason: string
}

/** A policy and where it comes from. */
export interface PolicyEntry {
  readonly group: string
  /** Agents of the group now. */
  readonly agents: number
  readonly policy: PolicyRecord
  readonly setBy: string
  readonly reason: string
  /** Epoch milliseconds. */
  readonly setMs: number
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
  /** Of the policy that the last batch was measured by; 0 = the agent's settings. */
  readonly policyVersion: bigint | undefined
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
  readonly group: string
  /** As of the last hello, else of the enrolment. */
  readonly agentVersion: string
  readonly state: AgentState
  readonly reason: string
  readonly enrolledMs: number
  readonly lastSeenMs: number | undefined
  /** Since when an alarm stands that it is silent. */
  readonly silentSinceMs: number | undefined
  /** How it is dialled; undefined where it dials itself. */
  readonly pull: AgentPull | undefined
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

/** How an agent is dialled. */
export interface AgentPull {
  /** `host:port`. */
  readonly address: string
  /** `connected`, `waiting` while no collector that lives has tried, or why it is not connected. */
  readonly state: 'connected' | 'waiting' | FaultCode
  /** What that fault said. */
  readonly message: string
  /** Since when. */
  readonly sinceMs: number
}

/** Which agents to list; every condition that is given holds. */
export interface AgentFilter {
  readonly agentId?: Uint8Array
  readonly state?: AgentState
  readonly silent?: boolean
  /** Whether others are enrolled for the same resource. */
  readonly shared?: boolean
}

/** What one collector knows of the fleet at one moment. */
export interface FleetReport {
  /** Its address. */
  readonly collector: string
  readonly nowMs: number
  readonly connected: readonly Uint8Array[]
  readonly observations: readonly Observation[]
}

/** What may have changed of an agent since it connected. */
export interface AgentNews {
  /** How many keys it has. */
  readonly keys: number
  /** Of the policy in force for it; 0 = none. */
  readonly policyVersion: bigint
}

/** What the registry answers to a report. */
export interface FleetNews {
  /** Every agent reported. */
  readonly agents: readonly (AgentNews & { readonly agentId: Hex; readonly state: AgentState })[]
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
  /** Resources for which more than one active agent is enrolled: what both meter is billed twice. */
  readonly sharedResources: number
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

/** What came of an enrolment. */
export interface Enrolled {
  /** 16 bytes. */
  readonly agentId: Uint8Array
  /** Other active agents enrolled for the same resource, some of them where there are many: perhaps of a copied host. */
  readonly others: readonly Hex[]
}

/** Archives a key inside the transaction that registers it. */
export type KeyWitness = (agentId: Uint8Array) => Promise<Result<void>>

/** The fleet registry. Every fault also: STORE_UNAVAILABLE, STORE_READ_ONLY, DISK_FULL. */
export interface Fleet {
  /** Issues a single-use token; only its hash is kept. */
  createToken(options: {
    readonly ttlMs: number
    readonly label?: string
    readonly group?: string
  }): Promise<Result<string>>
  /** Spends a token and registers the key. Faults: TOKEN_UNKNOWN, TOKEN_SPENT, TOKEN_EXPIRED, ALREADY_EXISTS. */
  enrol(input: EnrolmentInput, witness: KeyWitness): Promise<Result<Enrolled>>
  /** Registers the key by an operator's own hand; one that is enrolled for the resource already keeps its agent. Faults: ALREADY_EXISTS, AGENT_REVOKED and the like. */
  admit(
    input: Omit<EnrolmentInput, 'token'> & { readonly group: string },
    witness: KeyWitness,
  ): Promise<Result<Enrolled>>
  /** Retires the key in force for a new one, at a time that is returned. Faults: AGENT_UNKNOWN, KEY_RETIRED. */
  rotate(
    agentId: Uint8Array,
    keys: { readonly current: Uint8Array; readonly next: Uint8Array },
    witness: KeyWitness,
  ): Promise<Result<number>>
  /** Ends an agent's life after the batch with this digest; returns when, also where it had ended before. Faults: AGENT_UNKNOWN. */
  decommission(agentId: Uint8Array, lastDigest: Uint8Array): Promise<Result<number>>
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
  /** Puts a policy in force for a group; returns its version. */
  setPolicy(input: PolicyInput): Promise<Result<bigint>>
  /** Moves an agent to a group and its policy. Faults: AGENT_UNKNOWN. */
  move(agentId: Uint8Array, group: string, by: string): Promise<Result<void>>
  /** Policies in force, or all there ever were, the newest first. */
  policies(all: boolean, limit: number): Promise<Result<readonly PolicyEntry[]>>
  /** Agents by time of enrolment, at most `limit`. */
  list(limit: number, filter?: AgentFilter): Promise<Result<readonly AgentSummary[]>>
}
