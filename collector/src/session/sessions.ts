import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { Lane } from '../intake/lane.ts'
import type { Hex, Telemetry } from '../ports.ts'

/** Bounds of open streams. */
export interface SessionLimits {
  /** Streams in all. */
  readonly streamsMax: number
  /** Streams of one agent: a restarted agent may dial before its old connection is noticed dead. */
  readonly streamsPerAgentMax: number
}

/** A stream that can be ended from outside. */
export interface Endable {
  readonly lane: Lane
  end(fault: Fault): void
}

/** The open streams, by agent. */
export class Sessions {
  readonly #limits: SessionLimits
  readonly #telemetry: Telemetry
  readonly #byAgent = new Map<Hex, { readonly lane: Lane; readonly open: Set<Endable> }>()
  #streams = 0

  constructor(limits: SessionLimits, telemetry: Telemetry) {
    this.#limits = limits
    this.#telemetry = telemetry
  }

  /** Counts an agent's new stream in. Faults: QUOTA_EXCEEDED. */
  enter(): Result<void> {
    if (this.#streams >= this.#limits.streamsMax) {
      return fail(
        'QUOTA_EXCEEDED',
        `${this.#streams} agents are connected, the most this collector takes; try again later`,
      )
    }
    this.#streams++
    this.#telemetry.stream(1)
    return ok(undefined)
  }

  /** Counts a stream out. */
  leave(): void {
    this.#streams--
    this.#telemetry.stream(-1)
  }

  /** The lane of an agent, shared by its streams. */
  lane(agentId: Uint8Array): Lane {
    return this.#byAgent.get(agentId.toHex())?.lane ?? new Lane(agentId)
  }

  /** Adds an agent's stream; beyond the bound, the oldest makes room. */
  add(session: Endable): void {
    const name = session.lane.agentId.toHex()
    const entry = this.#byAgent.get(name) ?? { lane: session.lane, open: new Set() }
    this.#byAgent.set(name, entry)
    entry.open.add(session)
    const [oldest] = entry.open
    if (entry.open.size > this.#limits.streamsPerAgentMax && oldest !== undefined) {
      oldest.end(fail('QUOTA_EXCEEDED', 'a newer connection of this agent replaces this one').fault)
      entry.open.delete(oldest)
    }
  }

  /** Removes a stream; with the last one the agent's lane is forgotten. */
  remove(session: Endable): void {
    const name = session.lane.agentId.toHex()
    const entry = this.#byAgent.get(name)
    entry?.open.delete(session)
    if (entry?.open.size === 0) this.#byAgent.delete(name)
  }

  /** Ends all streams of an agent. */
  end(agentId: Hex, fault: Fault): void {
    for (const session of this.#byAgent.get(agentId)?.open ?? []) session.end(fault)
  }

  /** Ends every stream. */
  endAll(fault: Fault): void {
    for (const agentId of this.#byAgent.keys()) this.end(agentId, fault)
  }

  /** Agents connected. */
  agents(): Uint8Array[] {
    return [...this.#byAgent.values()].map(({ lane }) => lane.agentId)
  }
}
