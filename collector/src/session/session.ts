import { create } from '@bufbuild/protobuf'
import type { StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { RejectionSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { AgentFrame, CollectorFrame, SignedReceipt } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { sha256 } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { signPolicy } from '../fleet/policy.ts'
import { TokenBucket } from '../ingest/token-bucket.ts'
import { declareStream } from '../ingest/declare.ts'
import { DeclaredStreams } from '../ingest/streams.ts'
import type { Connection } from '../intake/intake.ts'
import type { Lane } from '../intake/lane.ts'
import type { AgentKeyState, AgentNews, AgentRecord, Fleet } from '../fleet/ports.ts'
import type { Clock, StreamRow } from '../ports.ts'
import type { Endable } from './sessions.ts'
import type { Wire } from './wire.ts'

/** What the session of an agent needs. */
export interface SessionDeps {
  readonly fleet: Fleet
  readonly clock: Clock
  /** Signs policies. */
  readonly signer: Signer
  /** Of hash tables, different in each process. */
  readonly seed: number
  /** Streams that one connection may declare. */
  readonly streamsMax: number
  /** Batches that one connection may have unacknowledged. */
  readonly windowBatches: number
  /** Pause asked of an agent whose batch could not be stored, milliseconds. */
  readonly retryAfterMs: number
}

/** Keys are read again for an unknown key id, but not more often than this. */
const KEYS_AGE_MS = 2_000
/** All streams of a connection may be declared twice at once, and again within this time, seconds. */
const DEFINING_S = 60
/** Why a wait ends early; without a reason of our own an exception is made for each. */
const MOVED = 'moved'
const NOTHING = (): void => {}
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
  readonly declared: DeclaredStreams
  readonly #wire: Wire
  readonly #deps: SessionDeps
  #agent: AgentRecord
  #keysReadMs: number
  /** The policy sent last, and when it is to be sent again; epoch milliseconds. */
  #told = { version: 0n, againMs: 0 }
  #isWelcomed = false
  #waiting = 0
  #moved = Promise.withResolvers<void>()
  #ended = false
  #leaving: { readonly fault: Fault | undefined } | undefined
  #wake = NOTHING
  #hold = NOTHING
  /** Room of the batches that wait for their receipts. */
  readonly #held: (() => void)[] = []
  readonly #definitions: TokenBucket
  /** While this agent waits for its quotas. */
  #pause: AbortController | undefined

  constructor(wire: Wire, lane: Lane, agent: AgentRecord, deps: SessionDeps) {
    this.#wire = wire
    this.lane = lane
    this.peer = wire.peer
    this.#agent = agent
    this.#deps = deps
    this.#keysReadMs = deps.clock.now()
    this.declared = new DeclaredStreams(deps.streamsMax, deps.seed)
    this.#definitions = new TokenBucket({
      perSecond: Math.max(1, deps.streamsMax / DEFINING_S),
      burst: 2 * deps.streamsMax,
    })
  }

  get ended(): boolean {
    return this.#ended
  }

  /** The next frame; undefined where the agent or this side ends the conversation. What came too late is not taken. */
  async next(): Promise<AgentFrame['kind'] | undefined> {
    if (this.#ended || this.#leaving !== undefined) return undefined
    const { promise, resolve, reject } = Promise.withResolvers<AgentFrame['kind'] | undefined>()
    this.#wake = () => resolve(undefined)
    this.#wire.next().then(resolve, reject)
    return promise
  }

  /** Reads no further; the connection ends once everything taken has its answer. Without a fault, agents dial again at once. */
  handOver(fault?: Fault): void {
    this.#leaving ??= { fault }
    this.moved()
    this.#wake()
  }

  /** Ends a connection on which nothing waits any more. */
  finish(): void {
    if (this.#ended) return
    const fault = this.#leaving?.fault
    if (fault !== undefined) this.end(fault)
    else {
      this.close()
      this.#wire.end()
    }
  }

  /** Waits until the window has room, and until the agent reads what it was sent. */
  async room(): Promise<void> {
    while (
      !this.#ended &&
      this.#leaving === undefined &&
      (this.#waiting >= this.#deps.windowBatches || this.#wire.congested)
    ) {
      await this.#moved.promise
    }
  }

  /** Waits until every batch that was queued has its answer. */
  async settled(): Promise<void> {
    while (this.#waiting > 0) await this.#moved.promise
  }

  /** Something changed that `room` or `settled` may wait for. */
  readonly moved = (): void => {
    this.#pause?.abort(MOVED)
    this.#moved.resolve()
    this.#moved = Promise.withResolvers()
  }

  /** The batch that is taken now holds room. */
  hold(release: () => void): void {
    this.#hold = release
  }

  /** It is taken: where it does not wait for its receipt, its room is free again. */
  drop(): void {
    this.#hold()
    this.#hold = NOTHING
  }

  await(): void {
    this.#waiting++
    this.#held.push(this.#hold)
    this.#hold = NOTHING
  }

  #settle(settled: number): void {
    this.#waiting -= settled
    for (const release of this.#held.splice(0, settled)) release()
    this.moved()
  }

  /** Waits until this agent has used no more than its quotas. */
  async allowance(): Promise<void> {
    const { clock } = this.#deps
    for (;;) {
      const nowMs = clock.now()
      const { readings, frames } = this.lane
      const waitMs = Math.max(readings.waitMs(nowMs), frames.waitMs(nowMs), this.#definitions.waitMs(nowMs))
      if (waitMs === 0 || this.#ended || this.#leaving !== undefined) return
      this.#pause = new AbortController()
      await clock.sleep(waitMs, this.#pause.signal)
      this.#pause = undefined
    }
  }

  async key(keyId: Uint8Array): Promise<Result<AgentKeyState>> {
    const name = keyId.toHex()
    if (!this.#agent.keys.has(name) && this.#deps.clock.now() - this.#keysReadMs >= KEYS_AGE_MS)
      await this.#readAgent()
    const key = this.#agent.keys.get(name)
    return key === undefined
      ? fail('KEY_UNKNOWN', "the batch is signed by a key that is not this agent's")
      : ok(key)
  }

  refresh({ keys, policyVersion }: AgentNews): void {
    const isCurrent = keys === this.#agent.keys.size && policyVersion === (this.#agent.policy?.version ?? 0n)
    if (isCurrent) this.tellPolicy()
    else void this.#readAgent().then(() => this.tellPolicy())
  }

  /** Sends the policy of the agent's group: once it is welcome, when it changes, and again before it expires. */
  tellPolicy(): void {
    if (!this.#isWelcomed) return
    const { policy } = this.#agent
    const nowMs = this.#deps.clock.now()
    if (policy === undefined || (policy.version === this.#told.version && nowMs < this.#told.againMs)) return
    this.#told = { version: policy.version, againMs: nowMs + policy.validMs / 2 }
    this.send({ case: 'policy', value: signPolicy(policy, nowMs, this.#deps.signer) })
  }

  /** Sends what the agent asked for; whatever it changed is read again. */
  async answer(kind: CollectorFrame['kind']): Promise<void> {
    await this.#readAgent()
    this.send(kind)
  }

  async #readAgent(): Promise<void> {
    const agent = await this.#deps.fleet.agent(this.lane.agentId)
    if (!agent.ok) return
    this.#agent = agent.value
    this.#keysReadMs = this.#deps.clock.now()
  }

  /** Takes definitions; returns those that are new or changed. Faults: as declareStream, QUOTA_EXCEEDED. */
  declare(definitions: readonly StreamDefinition[]): Result<StreamRow[]> {
    this.#definitions.spend(definitions.length, this.#deps.clock.now())
    const rows: StreamRow[] = []
    const owner = { agentId: this.lane.agentId, resource: this.#agent.resource }
    for (const definition of definitions) {
      const row = declareStream(definition, owner, this.#deps.clock.now())
      if (!row.ok) return row
      const attributes = sha256(Buffer.from(JSON.stringify(definition.attributes)))
      if (this.declared.declare(definition.streamId, definition.meter, attributes)) rows.push(row.value)
      if (this.declared.size > this.#deps.streamsMax)
        return fail('QUOTA_EXCEEDED', `more than ${this.#deps.streamsMax} streams on one connection`)
    }
    return ok(rows)
  }

  /** Sends a frame. */
  send(kind: CollectorFrame['kind']): void {
    if (this.#ended) return
    this.#isWelcomed ||= kind.case === 'welcome'
    this.#wire.send(kind)
  }

  acknowledge(receipt: SignedReceipt, settled: number): void {
    this.#settle(settled)
    this.lane.observer.heard(this.#deps.clock.now())
    this.send({ case: 'receipt', value: receipt })
  }

  refuse(sequence: bigint, fault: Fault, settled: number): void {
    this.#settle(settled)
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
