import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { BucketLimits } from '../ingest/token-bucket.ts'
import { Lane } from '../intake/lane.ts'
import type { AgentNews, FleetReport, Observation } from '../fleet/ports.ts'
import type { Hex, Telemetry } from '../ports.ts'

/** Bounds of open streams. */
export interface SessionLimits {
  /** Streams in all. */
  readonly streamsMax: number
  /** Streams of one agent: a restarted agent may dial before its old connection is noticed dead. */
  readonly streamsPerAgentMax: number
  /** Readings of one agent. */
  readonly readings: BucketLimits
}

/** A stream that can be ended from outside. */
export interface Endable {
  readonly lane: Lane
  /** Address of the other side. */
  readonly peer: string
  end(fault: Fault): void
  /** Reads no further, and ends once everything taken has its answer. */
  handOver(fault: Fault): void
  /** The registry has this of the agent by now. */
  refresh(news: AgentNews): void
}

/** The open streams, by agent. */
export class Sessions {
  readonly #limits: SessionLimits
  readonly #telemetry: Telemetry
  readonly #byAgent = new Map<Hex, { readonly lane: Lane; readonly open: Set<Endable> }>()
  /** What was heard of agents that left since the last report. */
  readonly #departed = new Map<Hex, Observation>()
  /** Agents that left before anybody asked for those whose history came another way. */
  readonly #inherited = new Set<Hex>()
  #streams = 0
  #draining: Fault | undefined

  constructor(limits: SessionLimits, telemetry: Telemetry) {
    this.#limits = limits
    this.#telemetry = telemetry
  }

  /** Counts an agent's new stream in. Faults: QUOTA_EXCEEDED, UNAVAILABLE while draining. */
  enter(): Result<void> {
    if (this.#draining !== undefined) return { ok: false, fault: this.#draining }
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

  /** Most streams at once. */
  get streamsMax(): number {
    return this.#limits.streamsMax
  }

  /** Streams of known agents that still wait for answers. */
  get taking(): number {
    return [...this.#byAgent.values()].reduce((sum, { open }) => sum + open.size, 0)
  }

  /** Counts a stream out. */
  leave(): void {
    this.#streams--
    this.#telemetry.stream(-1)
  }

  /** The lane of an agent, shared by its streams. */
  lane(agentId: Uint8Array): Lane {
    return this.#byAgent.get(agentId.toHex())?.lane ?? new Lane(agentId, this.#limits.readings)
  }

  /** Adds an agent's stream; beyond the bound, the oldest makes room. */
  add(session: Endable): void {
    const name = session.lane.agentId.toHex()
    const entry = this.#byAgent.get(name) ?? { lane: session.lane, open: new Set() }
    this.#byAgent.set(name, entry)
    entry.open.add(session)
    if (this.#draining !== undefined) session.handOver(this.#draining)
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
    if (entry?.open.size !== 0) return
    this.#byAgent.delete(name)
    if (session.lane.inherited && this.#inherited.size < this.#limits.streamsMax) this.#inherited.add(name)
    const { news } = session.lane.observer
    if (news === undefined) return
    this.#departed.set(name, news)
    const [oldest] = this.#departed.keys()
    if (this.#departed.size > this.#limits.streamsMax && oldest !== undefined) this.#departed.delete(oldest)
  }

  /** Ends all streams of an agent. */
  end(agentId: Hex, fault: Fault): void {
    for (const session of this.#byAgent.get(agentId)?.open ?? []) session.end(fault)
  }

  /** Addresses from which an agent is connected. */
  peers(agentId: Hex): string[] {
    return [...(this.#byAgent.get(agentId)?.open ?? [])].map(({ peer }) => peer)
  }

  /** From now on takes no stream, and has every open one end once what it took has its answer. */
  drain(fault: Fault): void {
    this.#draining = fault
    for (const { open } of this.#byAgent.values()) for (const session of open) session.handOver(fault)
  }

  /** Has the agent's connections read its keys and policy again where they changed. */
  refresh(agentId: Hex, news: AgentNews): void {
    for (const session of this.#byAgent.get(agentId)?.open ?? []) session.refresh(news)
  }

  /** Who is connected, and what was heard since the last report. */
  report(): Pick<FleetReport, 'connected' | 'observations'> {
    const lanes = [...this.#byAgent.values()].map(({ lane }) => lane)
    const heard = lanes.flatMap(({ observer: { news } }) => (news === undefined ? [] : [news]))
    const here = new Set(heard.map(({ agentId }) => agentId.toHex()))
    const left = [...this.#departed.values()].filter(({ agentId }) => !here.has(agentId.toHex()))
    return { connected: lanes.map(({ agentId }) => agentId), observations: [...heard, ...left] }
  }

  /** Agents whose history came another way before, each told once. */
  takeInherited(): Hex[] {
    const lanes = [...this.#byAgent.values()].map(({ lane }) => lane).filter(({ inherited }) => inherited)
    for (const lane of lanes) lane.inherited = false
    const agents = this.#inherited.union(new Set(lanes.map(({ name }) => name)))
    this.#inherited.clear()
    return [...agents]
  }

  /** These have been written. */
  reported(observations: readonly Observation[]): void {
    for (const observation of observations) {
      const name = observation.agentId.toHex()
      this.#byAgent.get(name)?.lane.observer.reported(observation)
      const departed = this.#departed.get(name)
      if (departed !== undefined && departed.heardMs <= observation.heardMs) this.#departed.delete(name)
    }
  }
}
