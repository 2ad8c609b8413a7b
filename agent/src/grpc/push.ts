import { create } from '@bufbuild/protobuf'
import {
  HelloSchema,
  PushRequestSchema,
  AgentFrameSchema,
  StatusSchema,
  StreamDefinitionsSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type {
  AgentFrame,
  Challenge,
  CollectorFrame,
  PushRequest,
  PushResponse,
  Rejection,
  SignedReceipt,
  Welcome,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { SignedPolicy } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { helloBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { faultOfError, isFaultCode } from '@vouch/proto/wire/grpc.ts'
import type { ClientDuplexStream } from '@grpc/grpc-js'
import { checkReceipt } from '../delivery/receipt.ts'
import { STATUS_INTERVAL_MS, isStatusDue } from '../delivery/status.ts'
import type { Identity } from '../host/identity.ts'
import type { Logger } from '../ports.ts'
import type { Spool } from '../spool/spool.ts'

/** The two ends of a connection's frames. */
export type FrameStream = ClientDuplexStream<PushRequest, PushResponse>

/** Calls back after so many milliseconds; what it returns calls that off. */
export type Timer = (ms: number, act: () => void) => () => void

/** The system's. */
export const SYSTEM_TIMER: Timer = (ms, act) => {
  const timer = setTimeout(act, ms)
  return () => clearTimeout(timer)
}

/** What a connection works with. */
export interface PushContext {
  readonly identity: Identity
  readonly signer: Signer
  readonly runId: Uint8Array
  readonly agentVersion: string
  readonly spool: Spool
  readonly logger: Logger
  /** How long the collector may take to answer a frame that demands an answer, milliseconds. */
  readonly answerTimeoutMs: number
  /** Ends the connection once the run's batches have their receipts; the current run stays open for more. */
  readonly endsWhenDrained: boolean
  /** Epoch milliseconds. */
  wallMs(): number
  /** The system's by default. */
  readonly timer?: Timer
  onReceipt(): void
  /** The collector's wall clock, epoch milliseconds, as it greets. */
  onChallenge(wallMs: number): void
  onPolicy(policy: SignedPolicy): void
}

/** How a connection ended. */
export interface PushOutcome {
  /** Whether any batch got its receipt: then the next attempt starts afresh. */
  readonly progressed: boolean
  /** Absent after an orderly end. */
  readonly fault?: Fault
  /** A connection that worked was ended because its collector stops: another one takes over. */
  readonly handedOver: boolean
  /** What the collector asks to wait at least, milliseconds. */
  readonly retryAfterMs: number
}

/** Most unacknowledged batches whatever the collector offers. */
const WINDOW_MAX = 64

/** Definitions in one frame. */
const DEFINITIONS_PER_FRAME = 500

/**
 * One connection, for one run: challenge, hello, welcome, then definitions and batches within the
 * window. It always begins with the first batch that has no receipt; a batch leaves the spool only
 * on a receipt that holds.
 */
export class PushConnection {
  readonly ended: Promise<PushOutcome>
  readonly #stream: FrameStream
  readonly #context: PushContext
  readonly #end: (outcome: PushOutcome) => void
  /** Calls off the wait for an answer, and the next status. */
  #settle = (): void => undefined
  #callOffStatus = (): void => undefined
  #told = { batches: 0, bytes: 0, atMs: Number.POSITIVE_INFINITY }
  #progressed = false
  #welcome: Welcome | undefined
  #sent = 0n
  #acknowledged = 0n
  #defined = 0
  #over = false

  constructor(stream: FrameStream, context: PushContext) {
    this.#stream = stream
    this.#context = context
    const { promise, resolve } = Promise.withResolvers<PushOutcome>()
    this.ended = promise
    this.#end = resolve
    stream.on('data', (response: PushResponse) => this.#receive(response.frame))
    stream.on('error', (error) => this.#finish(faultOfError(error)))
    stream.on('end', () => this.#finish())
    this.#expectAnswer()
  }

  /** Sends what the window allows; to be called when the spool has grown. */
  pump(): void {
    const { spool, runId } = this.#context
    if (this.#welcome === undefined || this.#over) return
    if (isStatusDue(this.#told, spool.usage(), performance.now() - this.#told.atMs)) this.#tell()
    const window = BigInt(Math.min(WINDOW_MAX, Math.max(1, this.#welcome.windowBatches)))
    const from = this.#sent > this.#acknowledged ? this.#sent : this.#acknowledged
    const room = window - (from - this.#acknowledged)
    if (room <= 0n) return
    for (const { sequence, signed } of spool.batches(runId, from, Number(room))) {
      this.#define()
      this.#send({ case: 'batch', value: signed })
      if (this.#sent === 0n) this.#acknowledged = sequence - 1n
      this.#sent = sequence
    }
    if (this.#sent > this.#acknowledged) this.#expectAnswer()
    else if (this.#context.endsWhenDrained) this.close()
  }

  /** Ends the connection at once: a stream that is only half-closed would keep the collector waiting. */
  close(): void {
    if (this.#over) return
    this.#finish()
    this.#stream.cancel()
  }

  #receive(frame: CollectorFrame | undefined): void {
    if (this.#over) return
    switch (frame?.kind.case) {
      case 'challenge':
        return this.#answer(frame.kind.value)
      case 'welcome':
        this.#settle()
        this.#welcome = frame.kind.value
        this.#tell()
        return this.pump()
      case 'receipt':
        return this.#receipt(frame.kind.value)
      case 'rejection':
        return this.#rejected(frame.kind.value)
      case 'policy':
        return this.#context.onPolicy(frame.kind.value)
      case undefined:
      default:
        // A frame of a later version of the protocol: not for this agent.
        return undefined
    }
  }

  #answer({ nonce, wallMs }: Challenge): void {
    this.#context.onChallenge(Number(wallMs))
    const { identity, runId, signer, agentVersion } = this.#context
    const { agentId } = identity
    const signature = signer.sign(TAGS.hello, helloBytes(nonce, agentId, runId))
    const hello = create(HelloSchema, { agentId, runId, keyId: signer.keyId, signature, agentVersion })
    this.#send({ case: 'hello', value: hello })
    this.#expectAnswer()
  }

  #receipt(signed: SignedReceipt): void {
    const { identity, runId, spool, logger } = this.#context
    const checked = checkReceipt(signed, {
      ...identity,
      runId,
      digest: (sequence) => spool.digest(runId, sequence),
    })
    if (!checked.ok) return this.#finish(checked.fault)
    const receipt = checked.value
    if (receipt === undefined) return
    for (const { sequence, code, message } of receipt.quarantined) {
      logger.error({ sequence: sequence.toString(), code }, `the collector set a batch aside: ${message}`)
    }
    const released = spool.release(runId, receipt.sequence)
    // It is durable there: the next receipt covers it too, and the next connection sends it once more.
    if (!released.ok)
      logger.warn({ code: released.fault.code }, 'batches with a receipt stay in the spool for now')
    this.#acknowledged = receipt.sequence
    this.#progressed = true
    this.#settle()
    this.#context.onReceipt()
    this.pump()
  }

  #rejected({ sequence, code, message, retryAfterMs }: Rejection): void {
    const known = isFaultCode(code) ? code : 'INTERNAL'
    const text = sequence === 0n ? message : `batch ${sequence}: ${message}`
    const handedOver = this.#welcome !== undefined && sequence === 0n && known === 'UNAVAILABLE'
    this.#finish({ code: known, message: text }, { retryAfterMs, handedOver })
  }

  /** Tells how much waits; again after the interval, whatever happens until then. */
  #tell(): void {
    if (this.#welcome?.takesStatus !== true) return
    const { spool } = this.#context
    const { batches, bytes } = spool.usage()
    this.#told = { batches, bytes, atMs: performance.now() }
    const status = create(StatusSchema, {
      spooledBatches: BigInt(batches),
      spooledBytes: BigInt(bytes),
      oldestSealedMs: BigInt(spool.oldestSealedMs() ?? 0),
      wallMs: BigInt(this.#context.wallMs()),
    })
    this.#send({ case: 'status', value: status })
    const { timer = SYSTEM_TIMER } = this.#context
    this.#callOffStatus()
    this.#callOffStatus = timer(STATUS_INTERVAL_MS, () => this.#tell())
  }

  #define(): void {
    for (;;) {
      const next = this.#context.spool.definitions(this.#defined, DEFINITIONS_PER_FRAME)
      const last = next.at(-1)
      if (last === undefined) return
      this.#defined = last.order
      const streams = next.map(({ definition }) => definition)
      this.#send({ case: 'definitions', value: create(StreamDefinitionsSchema, { streams }) })
    }
  }

  #send(kind: AgentFrame['kind']): void {
    this.#stream.write(create(PushRequestSchema, { frame: create(AgentFrameSchema, { kind }) }))
  }

  #expectAnswer(): void {
    this.#settle()
    const { answerTimeoutMs, timer = SYSTEM_TIMER } = this.#context
    const fault: Fault = { code: 'UNAVAILABLE', message: `no answer in ${answerTimeoutMs} ms` }
    this.#settle = timer(answerTimeoutMs, () => this.#finish(fault))
  }

  #finish(fault?: Fault, { retryAfterMs, handedOver } = { retryAfterMs: 0, handedOver: false }): void {
    if (this.#over) return
    this.#over = true
    this.#settle()
    this.#callOffStatus()
    if (fault !== undefined) this.#stream.cancel()
    const outcome = { progressed: this.#progressed, handedOver, retryAfterMs }
    this.#end(fault === undefined ? outcome : { ...outcome, fault })
  }
}
