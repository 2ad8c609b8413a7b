import type { AgentFrame, CollectorFrame } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'

/** One connection of an agent, whatever carries its frames. */
export interface Wire {
  /** Address of the other side, for logs and quarantine. */
  readonly peer: string
  /** Id of the agent that is expected there; undefined where any may be. */
  readonly expects?: Uint8Array
  /** True while the agent does not read what it was sent. */
  readonly congested: boolean
  /** The next frame; undefined when the agent has ended its side. Throws where the connection broke. */
  next(): Promise<AgentFrame['kind'] | undefined>
  send(kind: CollectorFrame['kind']): void
  /** Ends the connection, with a fault or in order. What was sent before is delivered first. */
  end(fault?: Fault): void
  /** Calls back when congestion ends, and when the connection is gone. */
  watch(watcher: WireWatcher): void
}

/** Who is told of a connection's changes. */
export interface WireWatcher {
  /** The agent reads again. */
  readonly relieved: () => void
  /** The agent is gone: nothing that is sent will arrive. */
  readonly gone: () => void
}
