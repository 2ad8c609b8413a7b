import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { Hex } from '../ports.ts'
import type { AgentState } from './ports.ts'

/** An agent that is to be dialled. */
export interface PullTarget {
  readonly agentId: Hex
  /** `host:port`. */
  readonly address: string
  /** One that is not active is held for as long as a connection with it may be open. */
  readonly state: AgentState
}

/** How it goes with one agent. */
export interface PullState {
  readonly agentId: Hex
  /** Why it is not connected; undefined while it is. */
  readonly fault: Fault | undefined
}

/** Which agents a collector is to dial. */
export interface PullShare {
  readonly targets: readonly PullTarget[]
  /** So many of them another collector should have, which has fewer. */
  readonly surplus: number
}

/** Who dials which agent, so that exactly one collector does. Every fault: STORE_UNAVAILABLE, STORE_READ_ONLY, DISK_FULL. */
export interface PullRegistry {
  /** Says that a collector lives, for so long from now, and has it take agents that nobody dials, up to its share. */
  renew(holder: string, leaseMs: number, roomMax: number): Promise<Result<PullShare>>
  /** Notes how it goes with agents that the collector holds. */
  note(holder: string, states: readonly PullState[]): Promise<Result<void>>
  /** Gives agents back. */
  release(holder: string, agentIds: readonly Hex[]): Promise<Result<void>>
  /** The collector stops: what it held is anybody's. */
  leave(holder: string): Promise<Result<void>>
  /** Has an agent dialled at an address, or no longer. Faults: AGENT_UNKNOWN. */
  assign(agentId: Uint8Array, address: string | undefined): Promise<Result<void>>
}
