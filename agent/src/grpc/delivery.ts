import { setTimeout } from 'node:timers/promises'
import type { SignedPolicy } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import { equalBytes } from '@vouch/proto/kernel/bytes.ts'
import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { backoffMs } from '@vouch/proto/kernel/backoff.ts'
import type { BackoffBounds } from '@vouch/proto/kernel/backoff.ts'
import { isRetiredKey, needsSomebody } from '../delivery/verdict.ts'
import type { Identity } from '../host/identity.ts'
import type { Logger } from '../ports.ts'
import type { Spool } from '../spool/spool.ts'
import type { Timer } from './answer-timer.ts'
import { Connection } from './connection.ts'
import type { ConnectionOutcome, Question } from './connection.ts'
import type { Frames } from './frames.ts'

/** What a delivery works with. */
export interface DeliveryOptions {
  readonly identity: Identity
  readonly runId: Uint8Array
  readonly agentVersion: string
  readonly spool: Spool
  readonly logger: Logger
  readonly backoff: BackoffBounds
  readonly answerTimeoutMs: number
  /** Pause after a refusal that somebody has to act on, milliseconds. */
  readonly refusedPauseMs: number
  /** Whether whoever is at the other end has to show that it is the collector: where this agent is dialled. */
  readonly demandsProof: boolean
  /** The key in force; throws where its file was damaged since. */
  signer(): Signer
  /** The key that is to follow, where a rotation has begun. */
  followingSigner(): Signer | undefined
  /** Puts the following key in force, if there is one. */
  promoteKey(): boolean
  onPolicy(policy: SignedPolicy): void
  /** The collector was heard, whose clock is so far ahead of this host's, milliseconds. */
  readonly onHeard?: (clockOffsetMs: number) => void
  /** Epoch milliseconds. */
  wallMs(): number
  /** The system's by default. */
  readonly timer?: Timer
  /** In [0, 1); the system's by default. */
  readonly random?: () => number
}

/** What was heard of the collector; undefined before it was. */
export interface Heard {
  /** Milliseconds since the last receipt. */
  readonly receiptAgeMs: number | undefined
  /** Collector's clock less this host's at the last connection, milliseconds. */
  readonly clockOffsetMs: number | undefined
}

/** Delivers the spool, run by run in the order of their sealing, for as long as it is not stopped. */
export interface Sender {
  /** Where it is dialled, with its real port; undefined where it dials. */
  readonly address?: string
  /** The spool has grown. */
  notify(): void
  /** Resolves with true when the spool is empty, with false after the timeout. */
  flush(timeoutMs: number): Promise<boolean>
  /** Why nothing is being delivered; undefined while all is well. */
  fault(): Fault | undefined
  /** What was heard of the collector. */
  heard(): Heard
  /** Asks what cannot be asked by dialling; only where it is dialled. Faults: the collector's own, UNAVAILABLE. */
  readonly ask?: (question: Question) => Promise<Result<void>>
  stop(): Promise<void>
}

const REPLACED = fail('UNAVAILABLE', 'a newer connection of the collector replaces this one').fault

/** Delivers over the connections that it is given, whoever dialled them: over the one that was welcomed last. */
export class Delivery {
  fault: Fault | undefined
  readonly #options: DeliveryOptions
  readonly #open = new Set<Connection>()
  readonly #waiting = new Set<() => void>()
  #stopped = false
  #attempt = 0
  #receiptMs: number | undefined
  #clockOffsetMs: number | undefined
  #beside: string | undefined
  #triesFollowing = false

  constructor(options: DeliveryOptions) {
    this.#options = options
  }

  /** Whether a collector takes batches now. */
  get isConnected(): boolean {
    return [...this.#open].some(({ isWelcome }) => isWelcome)
  }

  /**
   * One connection from beginning to end; returns the pause before the next one, milliseconds.
   *
   * @param welcomed called when the other side has welcomed this agent.
   */
  async converse(frames: Frames, welcomed?: () => void): Promise<number> {
    const { spool, runId: current } = this.#options
    const runId = spool.oldestRun() ?? current
    const following = this.#triesFollowing ? this.#options.followingSigner() : undefined
    const connection = new Connection(frames, {
      ...this.#options,
      signer: following ?? this.#options.signer(),
      runId,
      endsWhenDrained: !equalBytes(runId, current),
      onReceipt: () => this.#received(),
      onWelcome: (clockOffsetMs) => {
        this.#clockOffsetMs = clockOffsetMs
        this.#options.onHeard?.(clockOffsetMs)
        this.#triesFollowing = false
        if (following !== undefined) this.#options.promoteKey()
        for (const other of this.#open) if (other !== connection && other.isWelcome) other.close(REPLACED)
        welcomed?.()
      },
    })
    this.#open.add(connection)
    if (this.#stopped) connection.close()
    const outcome = await connection.ended
    this.#open.delete(connection)
    return this.#pauseAfter(outcome)
  }

  /** Asks the collector that is connected. Faults: its own, UNAVAILABLE. */
  async ask(question: Question): Promise<Result<void>> {
    const connection = [...this.#open].find(({ isWelcome }) => isWelcome)
    return connection?.ask(question) ?? fail('UNAVAILABLE', 'no collector is connected')
  }

  notify(): void {
    for (const connection of this.#open) connection.pump()
  }

  async flush(timeoutMs: number): Promise<boolean> {
    const isEmpty = (): boolean => this.#options.spool.usage().batches === 0
    if (isEmpty()) return true
    const { promise, resolve } = Promise.withResolvers<void>()
    const check = (): void => {
      if (isEmpty()) resolve()
    }
    this.#waiting.add(check)
    const ended = new AbortController()
    await Promise.race([promise, setTimeout(timeoutMs, undefined, ended).catch(() => undefined)])
    ended.abort()
    this.#waiting.delete(check)
    return isEmpty()
  }

  heard(): Heard {
    const receiptAgeMs = this.#receiptMs === undefined ? undefined : performance.now() - this.#receiptMs
    return { receiptAgeMs, clockOffsetMs: this.#clockOffsetMs }
  }

  /** Ends every connection, and each that is still to come. */
  stop(): void {
    this.#stopped = true
    for (const connection of this.#open) connection.close()
  }

  #pauseAfter({ fault, progressed, handedOver, retryAfterMs }: ConnectionOutcome): number {
    const { logger, refusedPauseMs, backoff, random = Math.random } = this.#options
    if (progressed) this.#attempt = 0
    // An orderly end after work done is no failure: the collector hands over, or an old run is delivered.
    if (this.#stopped || (progressed && fault === undefined)) return 0
    if (fault === undefined) return backoffMs(this.#attempt++, random(), backoff)
    if (this.isConnected) return this.#refusedBeside(fault)
    if (handedOver) {
      // A little at random, so that a fleet does not fall upon the next collector in one instant.
      this.#attempt = 1
      return backoffMs(0, random(), backoff)
    }
    if (isRetiredKey(fault.code) && this.#followKey()) return 0
    const repeated = this.fault?.code === fault.code
    this.fault = fault
    if (!repeated) logger.warn({ code: fault.code }, `delivery stopped: ${fault.message}`)
    if (needsSomebody(fault.code)) return Math.max(refusedPauseMs, retryAfterMs)
    return Math.max(retryAfterMs, backoffMs(this.#attempt++, random(), backoff))
  }

  /** True where another key is worth a try. One who has not shown to be the collector is not believed that it knows it. */
  #followKey(): boolean {
    if (!this.#options.demandsProof) return this.#options.promoteKey()
    this.#triesFollowing = !this.#triesFollowing
    return this.#triesFollowing && this.#options.followingSigner() !== undefined
  }

  /** Somebody did not get in, or an older connection broke, while the collector is here: no hindrance. */
  #refusedBeside({ code, message }: Fault): number {
    if (code !== this.#beside) this.#options.logger.warn({ code }, `another connection ended: ${message}`)
    this.#beside = code
    return 0
  }

  #received(): void {
    this.#receiptMs = performance.now()
    if (this.#clockOffsetMs !== undefined) this.#options.onHeard?.(this.#clockOffsetMs)
    if (this.fault !== undefined) this.#options.logger.info({}, 'delivery works again')
    this.fault = undefined
    for (const check of this.#waiting) check()
  }
}
