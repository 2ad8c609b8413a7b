import { create, toBinary } from '@bufbuild/protobuf'
import type { StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import {
  ReceiptSchema,
  RejectionSchema,
  SignedReceiptSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { CollectorFrame } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { TAGS } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { declareStream } from '../ingest/declare.ts'
import { streamKey } from '../ingest/validate.ts'
import type { Acknowledgement } from '../intake/committer.ts'
import type { Connection } from '../intake/intake.ts'
import type { Lane } from '../intake/lane.ts'
import type { AgentKeyState, AgentRecord, Clock, Fleet, StreamRow } from '../ports.ts'
import type { Endable } from './sessions.ts'
import type { Wire } from './wire.ts'

/** What the session of an agent needs. */
export interface SessionDeps {
  readonly fleet: Fleet
  readonly signer: Signer
  readonly clock: Clock
  /** Streams that one connection may declare. */
  readonly streamsMax: number
  /** Batches that one connection may have unacknowledged. */
  readonly windowBatches: number
  /** Pause asked of an agent whose batch could not be stored, milliseconds. */
  readonly retryAfterMs: number
}

/** Keys are read again for an unknown key id, but not more often than this. */
const KEYS_AGE_MS = 2_000
const RETRY_LATER = new Set<string>([
  'STORE_UNAVAILABLE',
  'STORE_READ_ONLY',
  'STORE_OLDER_VERSION',
  'DISK_FULL',
  'UNAVAILABLE',
  'QUOTA_EXCEEDED',
])

/** One authenticated connection. */
export class Session implements Connection, Endable {
  readonly lane: Lane
  readonly peer: string
  readonly name = Symbol('connection')
  readonly declared = new Map<string, string>()
  readonly #wire: Wire
  readonly #deps: SessionDeps
  #agent: AgentRecord
  #keysReadMs: number
  #waiting = 0
  #moved = Promise.withResolvers<void>()
  #ended = false

  constructor(wire: Wire, lane: Lane, agent: AgentRecord, deps: SessionDeps) {
    this.#wire = wire
    this.lane = lane
    this.peer = wire.peer
    this.#agent = agent
    this.#deps = deps
    this.#keysReadMs = deps.clock.now()
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Waits until the window has room, and until the agent reads what it was sent. */
  async room(): Promise<void> {
    while (!this.#ended && (this.#waiting >= this.#deps.windowBatches || this.#wire.congested)) {
      await this.#moved.promise
    }
  }

  /** Waits until every batch that was queued has its answer. */
  async settled(): Promise<void> {
    while (this.#waiting > 0) await this.#moved.promise
  }

  /** Something changed that `room` or `settled` may wait for. */
  readonly moved = (): void => {
    this.#moved.resolve()
    this.#moved = Promise.withResolvers()
  }

  await(): void {
    this.#waiting++
  }

  async key(keyId: Uint8Array): Promise<Result<AgentKeyState>> {
    const name = keyId.toHex()
    if (!this.#agent.keys.has(name) && this.#deps.clock.now() - this.#keysReadMs >= KEYS_AGE_MS)
      await this.#readKeys()
    const key = this.#agent.keys.get(name)
    return key === undefined
      ? fail('KEY_UNKNOWN', "the batch is signed by a key that is not this agent's")
      : ok(key)
  }

  async #readKeys(): Promise<void> {
    const agent = await this.#deps.fleet.agent(this.lane.agentId)
    if (!agent.ok) return
    this.#agent = agent.value
    this.#keysReadMs = this.#deps.clock.now()
  }

  /** Takes definitions; returns those that are new or changed. Faults: as declareStream, QUOTA_EXCEEDED. */
  declare(definitions: readonly StreamDefinition[]): Result<StreamRow[]> {
    const rows: StreamRow[] = []
    const owner = { agentId: this.lane.agentId, resource: this.#agent.resource }
    for (const definition of definitions) {
      const row = declareStream(definition, owner, this.#deps.clock.now())
      if (!row.ok) return row
      const key = streamKey(definition.streamId)
      const attributes = JSON.stringify(definition.attributes)
      if (this.declared.get(key) !== attributes) rows.push(row.value)
      this.declared.set(key, attributes)
    }
    if (this.declared.size <= this.#deps.streamsMax) return ok(rows)
    return fail('QUOTA_EXCEEDED', `more than ${this.#deps.streamsMax} streams on one connection`)
  }

  /** Sends a frame. */
  send(kind: CollectorFrame['kind']): void {
    if (this.#ended) return
    this.#wire.send(kind)
  }

  acknowledge({ runId, upTo, quarantined, settled }: Acknowledgement): void {
    this.#waiting -= settled
    this.moved()
    if (this.#ended) return
    const receipt = toBinary(
      ReceiptSchema,
      create(ReceiptSchema, {
        agentId: this.lane.agentId,
        runId,
        sequence: upTo.sequence,
        digest: Uint8Array.fromHex(upTo.digest),
        receivedMs: BigInt(this.#deps.clock.now()),
        quarantined: quarantined.map(({ sequence, fault: { code, message } }) => ({
          sequence,
          code,
          message,
        })),
      }),
    )
    const { signer } = this.#deps
    const signature = signer.sign(TAGS.receipt, receipt)
    this.send({
      case: 'receipt',
      value: create(SignedReceiptSchema, { receipt, signature, keyId: signer.keyId }),
    })
  }

  refuse(sequence: bigint, fault: Fault, settled: number): void {
    this.#waiting -= settled
    this.moved()
    const retryAfterMs = RETRY_LATER.has(fault.code) ? this.#deps.retryAfterMs : 0
    this.send({
      case: 'rejection',
      value: create(RejectionSchema, { sequence, code: fault.code, message: fault.message, retryAfterMs }),
    })
    this.#finish(fault)
  }

  /** The agent is gone. */
  close(): void {
    this.#ended = true
    this.moved()
  }

  end(fault: Fault): void {
    this.refuse(0n, fault, 0)
  }

  /** After a refusal nothing that follows can be taken either: the agent dials again and sends from there. */
  #finish(fault: Fault): void {
    if (this.#ended) return
    this.close()
    this.#wire.end(fault)
  }
}
