import { randomBytes } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import {
  HelloSchema,
  StatusSchema,
  StreamDefinitionsSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type {
  AgentFrame,
  Challenge,
  CollectorFrame,
  Rejection,
  SignedReceipt,
  Welcome,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { SignedPolicy } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import { fail, isFaultCode, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { helloBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { checkReceipt } from '../delivery/receipt.ts'
import { STATUS_INTERVAL_MS, isStatusDue } from '../delivery/status.ts'
import { judgeWelcome } from '../delivery/welcome.ts'
import type { Identity } from '../host/identity.ts'
import type { Logger } from '../ports.ts'
import type { Spool } from '../spool/spool.ts'
import { AnswerTimer, SYSTEM_TIMER } from './answer-timer.ts'
import type { Timer } from './answer-timer.ts'
import type { Frames } from './frames.ts'

/** What a connection works with. */
export interface ConnectionContext {
  readonly identity: Identity
  readonly signer: Signer
  readonly runId: Uint8Array
  readonly agentVersion: string
  readonly spool: Spool
  readonly logger: Logger
  /** How long the collector may take to answer a frame that demands an answer, or to read on, milliseconds. */
  readonly answerTimeoutMs: number
  /** Whether the other side has to show that it is the collector of the enrolment before anything is sent to it. */
  readonly demandsProof: boolean
  /** Ends the connection once the run's batches have their receipts; the current run stays open for more. */
  readonly endsWhenDrained: boolean
  /** Epoch milliseconds. */
  wallMs(): number
  /** The system's by default. */
  readonly timer?: Timer
  onReceipt(): void
  /** The agent may send. The collector's clock is so far ahead of this host's, milliseconds. */
  onWelcome(clockOffsetMs: number): void
  onPolicy(policy: SignedPolicy): void
}

/** How a connection ended. */
export interface ConnectionOutcome {
  /** Whether any batch got its receipt: then the next attempt starts afresh. */
  readonly progressed: boolean
  /** Absent after an orderly end. */
  readonly fault?: Fault
  /** A connection that worked was ended because its collector stops: another one takes over. */
  readonly handedOver: boolean
  /** What the collector asks to wait at least, milliseconds. */
  readonly retryAfterMs: number
}

/** What an agent asks over a connection that it cannot make itself. */
export type Question = Extract<AgentFrame['kind'], { readonly case: 'rotateKey' | 'decommission' }>

const NOBODY = (): void => undefined
const UNANSWERED = fail('UNAVAILABLE', 'no collector has answered')
const NONCE_BYTES = 32

/** Most unacknowledged batches whatever the collector offers. */
const WINDOW_MAX = 64

/** Definitions in one frame. */
const DEFINITIONS_PER_FRAME = 500

/**
 * One connection, for one run: challenge, hello, welcome, then definitions and batches within the
 * window. It always begins with the first batch that has no receipt; a batch leaves the spool only
 * on a receipt that holds.
 */
export class Connection {
  readonly ended: Promise<ConnectionOutcome>
  readonly #frames: Frames
  readonly #context: ConnectionContext
  readonly #end: (outcome: ConnectionOutcome) => void
  /** Signed by the collector in its welcome. */
  readonly #nonce = randomBytes(NONCE_BYTES)
  #challenge: { nonce: Uint8Array; clockOffsetMs: number } = { nonce: new Uint8Array(), clockOffsetMs: 0 }
  readonly #awaiting: AnswerTimer
  /** Calls off the next status. */
  #callOffStatus = (): void => undefined
  /** Answers the question that is open. */
  #answered: (answer: Result<void>) => void = NOBODY
  #told = { batches: 0, bytes: 0, atMs: Number.POSITIVE_INFINITY }
  #progressed = false
  #welcome: Welcome | undefined
  #sent = 0n
  #acknowledged = 0n
  #defined = 0
  #over = false

  constructor(frames: Frames, context: ConnectionContext) {
    this.#frames = frames
    this.#context = context
    const { promise, resolve } = Promise.withResolvers<ConnectionOutcome>()
    this.ended = promise
    this.#end = resolve
    const { answerTimeoutMs: ms, timer = SYSTEM_TIMER } = context
    const late: Fault = { code: 'UNAVAILABLE', message: `no answer in ${ms} ms` }
    this.#awaiting = new AnswerTimer(timer, ms, () => this.#finish(late))
    this.#awaiting.start()
    frames.listen({
      frame: (frame) => this.#receive(frame),
      relieved: () => this.#relieved(),
      ended: (fault) => this.#finish(fault),
    })
  }

  /** Whether the collector has welcomed this agent, and nothing has ended since. */
  get isWelcome(): boolean {
    return this.#welcome !== undefined && !this.#over
  }

  /** Sends what the window allows; to be called when the spool has grown. */
  pump(): void {
    const { spool, runId } = this.#context
    if (this.#welcome === undefined || this.#over) return
    if (isStatusDue(this.#told, spool.usage(), performance.now() - this.#told.atMs)) this.#tell()
    const window = BigInt(Math.min(WINDOW_MAX, Math.max(1, this.#welcome.windowBatches)))
    const from = this.#sent > this.#acknowledged ? this.#sent : this.#acknowledged
    const room = this.#frames.isCongested() ? 0 : Number(window - (from - this.#acknowledged))
    for (const { sequence, signed } of spool.batches(runId, from, Math.max(0, room))) {
      if (!this.#define()) break
      this.#frames.send({ case: 'batch', value: signed })
      if (this.#sent === 0n) this.#acknowledged = sequence - 1n
      this.#sent = sequence
    }
    if (this.#sent > this.#acknowledged || this.#frames.isCongested()) this.#awaiting.start()
    else if (this.#context.endsWhenDrained) this.close()
  }

  /** Ends the connection at once; the collector is told why where there is a reason. */
  close(reason?: Fault): void {
    if (this.#over) return
    this.#finish()
    this.#frames.end(reason)
  }

  /** Asks the collector what others ask by calls of their own; one question at a time. Faults: its own, UNAVAILABLE. */
  async ask(question: Question): Promise<Result<void>> {
    if (!this.isWelcome) return UNANSWERED
    const { promise, resolve } = Promise.withResolvers<Result<void>>()
    const { answerTimeoutMs, timer = SYSTEM_TIMER } = this.#context
    this.#answered(UNANSWERED)
    const callOff = timer(answerTimeoutMs, () => this.#answered(UNANSWERED))
    this.#answered = (answer) => {
      callOff()
      this.#answered = NOBODY
      resolve(answer)
    }
    this.#frames.send(question)
    return promise
  }

  #receive(frame: CollectorFrame | undefined): void {
    if (this.#over) return
    switch (frame?.kind.case) {
      case 'challenge':
        return this.#challenged(frame.kind.value)
      case 'welcome':
        return this.#welcomed(frame.kind.value)
      case 'receipt':
        return this.#receipt(frame.kind.value)
      case 'rejection':
        return this.#rejected(frame.kind.value)
      case 'keyRotated':
      case 'decommissioned':
        return this.#answered(ok(undefined))
      case 'policy':
        return this.#context.onPolicy(frame.kind.value)
      case undefined:
      default:
        // A frame of a later version of the protocol: not for this agent.
        return undefined
    }
  }

  #relieved(): void {
    if (this.#welcome !== undefined) this.#awaiting.stop()
    this.pump()
  }

  #challenged({ nonce, wallMs }: Challenge): void {
    const { identity, runId, signer, agentVersion } = this.#context
    const { agentId } = identity
    this.#challenge = { nonce, clockOffsetMs: Number(wallMs) - this.#context.wallMs() }
    const signature = signer.sign(TAGS.hello, helloBytes(nonce, agentId, runId))
    const answer = { agentId, runId, keyId: signer.keyId, signature, agentVersion, nonce: this.#nonce }
    this.#frames.send({ case: 'hello', value: create(HelloSchema, answer) })
    this.#awaiting.stop()
    this.#awaiting.start()
  }

  #welcomed(welcome: Welcome): void {
    if (this.#welcome !== undefined) return
    const { identity, runId, demandsProof } = this.#context
    const fault = judgeWelcome(welcome, {
      ...identity,
      runId,
      agentNonce: this.#nonce,
      collectorNonce: this.#challenge.nonce,
      isOptional: !demandsProof,
    })
    if (fault !== undefined) return this.#finish(fault)
    this.#awaiting.stop()
    this.#welcome = welcome
    this.#context.onWelcome(this.#challenge.clockOffsetMs)
    this.#tell()
    this.pump()
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
    this.#awaiting.stop()
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
    this.#frames.send({ case: 'status', value: status })
    const { timer = SYSTEM_TIMER } = this.#context
    this.#callOffStatus()
    this.#callOffStatus = timer(STATUS_INTERVAL_MS, () => this.#tell())
  }

  /** Names the streams that the collector does not know; false where the rest has to wait until it has read these. */
  #define(): boolean {
    while (!this.#frames.isCongested()) {
      const next = this.#context.spool.definitions(this.#defined, DEFINITIONS_PER_FRAME)
      const last = next.at(-1)
      if (last === undefined) return true
      this.#defined = last.order
      const streams = next.map(({ definition }) => definition)
      this.#frames.send({ case: 'definitions', value: create(StreamDefinitionsSchema, { streams }) })
    }
    return false
  }

  #finish(fault?: Fault, { retryAfterMs, handedOver } = { retryAfterMs: 0, handedOver: false }): void {
    if (this.#over) return
    this.#over = true
    this.#awaiting.stop()
    this.#callOffStatus()
    this.#answered(fault === undefined ? UNANSWERED : { ok: false, fault })
    if (fault !== undefined) this.#frames.end(fault)
    const outcome = { progressed: this.#progressed, handedOver, retryAfterMs }
    this.#end(fault === undefined ? outcome : { ...outcome, fault })
  }
}
