import { setTimeout } from 'node:timers/promises'
import { IngestService } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { SignedPolicy } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import { equalBytes } from '@vouch/proto/kernel/bytes.ts'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { makeClient } from '@vouch/proto/wire/grpc.ts'
import { backoffMs } from '../delivery/backoff.ts'
import type { BackoffBounds } from '../delivery/backoff.ts'
import { isRetiredKey, needsSomebody } from '../delivery/verdict.ts'
import type { Identity } from '../host/identity.ts'
import type { Logger } from '../ports.ts'
import type { Spool } from '../spool/spool.ts'
import { channelTo } from './channel.ts'
import type { Target } from './channel.ts'
import { PushConnection, SYSTEM_TIMER } from './push.ts'
import type { FrameStream, Timer } from './push.ts'

/** What a sender works with. */
export interface SenderOptions {
  readonly target: Target
  readonly identity: Identity
  readonly runId: Uint8Array
  readonly agentVersion: string
  readonly spool: Spool
  readonly logger: Logger
  readonly backoff: BackoffBounds
  readonly answerTimeoutMs: number
  /** Pause after a refusal that somebody has to act on, milliseconds. */
  readonly refusedPauseMs: number
  /** The key in force; throws where its file was damaged since. */
  signer(): Signer
  /** Puts the following key in force, if there is one. */
  promoteKey(): boolean
  onPolicy(policy: SignedPolicy): void
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
  /** The spool has grown. */
  notify(): void
  /** Resolves with true when the spool is empty, with false after the timeout. */
  flush(timeoutMs: number): Promise<boolean>
  /** Why nothing is being delivered; undefined while all is well. */
  fault(): Fault | undefined
  /** What was heard of the collector. */
  heard(): Heard
  stop(): Promise<void>
}

/** Starts delivering. Faults: CONFIG_INVALID. */
export function startSender(options: SenderOptions): Result<Sender> {
  const channel = channelTo(options.target)
  if (!channel.ok) return channel
  const { address } = options.target
  const { credentials, options: channelOptions } = channel.value
  const loop = new DeliveryLoop(options, () =>
    makeClient(IngestService, address, credentials, channelOptions),
  )
  const done = loop.run()
  return ok({
    notify: () => loop.notify(),
    flush: (timeoutMs) => loop.flush(timeoutMs),
    fault: () => loop.fault,
    heard: () => loop.heard(),
    stop: async () => {
      loop.stop()
      await done
    },
  })
}

/** A connection that has been dialled. */
export interface Dialled {
  push(): FrameStream
  close(): void
}

/** Delivers over connections that it dials one after another. */
export class DeliveryLoop {
  fault: Fault | undefined
  readonly #options: SenderOptions
  readonly #dial: () => Dialled
  readonly #stopping = new AbortController()
  readonly #waiting = new Set<() => void>()
  #connection: PushConnection | undefined
  #attempt = 0
  #receiptMs: number | undefined
  #clockOffsetMs: number | undefined

  constructor(options: SenderOptions, dial: () => Dialled) {
    this.#options = options
    this.#dial = dial
  }

  async run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const pauseMs = await this.#deliver()
      if (pauseMs > 0) await this.#pause(pauseMs)
    }
  }

  notify(): void {
    this.#connection?.pump()
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

  stop(): void {
    this.#stopping.abort()
    this.#connection?.close()
  }

  /** One connection from beginning to end; returns the pause before the next one, milliseconds. */
  async #deliver(): Promise<number> {
    const { spool, runId: current, logger, refusedPauseMs, backoff, random = Math.random } = this.#options
    const runId = spool.oldestRun() ?? current
    const isOld = !equalBytes(runId, current)
    // Each connection is dialled anew: the name may lead to another collector by now.
    const client = this.#dial()
    const connection = new PushConnection(client.push(), {
      ...this.#options,
      signer: this.#options.signer(),
      runId,
      endsWhenDrained: isOld,
      onReceipt: () => this.#received(),
      onChallenge: (wallMs) => {
        this.#clockOffsetMs = wallMs - this.#options.wallMs()
      },
    })
    this.#connection = connection
    const { fault, progressed, handedOver, retryAfterMs } = await connection.ended
    this.#connection = undefined
    client.close()
    if (progressed) this.#attempt = 0
    // An orderly end after work done is no failure: the collector hands over, or an old run is delivered.
    if (this.#stopping.signal.aborted || (progressed && fault === undefined)) return 0
    if (fault === undefined) return backoffMs(this.#attempt++, random(), backoff)
    if (handedOver) {
      // A little at random, so that a fleet does not fall upon the next collector in one instant.
      this.#attempt = 1
      return backoffMs(0, random(), backoff)
    }
    if (isRetiredKey(fault.code) && this.#options.promoteKey()) return 0
    const repeated = this.fault?.code === fault.code
    this.fault = fault
    if (!repeated) logger.warn({ code: fault.code }, `delivery stopped: ${fault.message}`)
    if (needsSomebody(fault.code)) return Math.max(refusedPauseMs, retryAfterMs)
    return Math.max(retryAfterMs, backoffMs(this.#attempt++, random(), backoff))
  }

  heard(): Heard {
    const receiptAgeMs = this.#receiptMs === undefined ? undefined : performance.now() - this.#receiptMs
    return { receiptAgeMs, clockOffsetMs: this.#clockOffsetMs }
  }

  #received(): void {
    this.#receiptMs = performance.now()
    if (this.fault !== undefined) this.#options.logger.info({}, 'delivery works again')
    this.fault = undefined
    for (const check of this.#waiting) check()
  }

  /** Resolves early, not at all badly, when the sender is stopped. */
  #pause(ms: number): Promise<void> {
    const { timer = SYSTEM_TIMER } = this.#options
    const { promise, resolve } = Promise.withResolvers<void>()
    const callOff = timer(ms, resolve)
    const { signal } = this.#stopping
    const stop = (): void => resolve()
    signal.addEventListener('abort', stop)
    return promise.finally(() => {
      callOff()
      signal.removeEventListener('abort', stop)
    })
  }
}
