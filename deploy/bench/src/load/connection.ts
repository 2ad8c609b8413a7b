import { fromBinary } from '@bufbuild/protobuf'
import {
  IngestService,
  PushResponseSchema,
  ReceiptSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { Rejection, SignedReceipt, Welcome } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { TAGS, verify } from '@vouch/proto/seal/seal.ts'
import type { LoadAgent } from './agent.ts'
import type { Call, Dialler } from './http2-client.ts'
import type { Tally } from './tally.ts'

/** What a connection tells its agent's owner. */
export interface ConnectionEvents {
  /** Accepted: batches flow. */
  welcomed(): void
  /** Batches got their receipt. */
  acknowledged(): void
  /** Once: it is over, with the pause that the collector asks for. */
  end(retryAfterMs: number): void
}

/** How a connection takes up the run: from the first batch without receipt, or from what the collector says is durable. */
export type Resume = 'receipt' | 'durable'

const PUSH = `/${IngestService.typeName}/${IngestService.method.push.name}`

/** One Push stream of an agent: the handshake, definitions, batches within the window, verified receipts. */
export class LoadConnection {
  readonly #agent: LoadAgent
  readonly #events: ConnectionEvents
  /** Of this stretch of time: where refusals and resent batches count. */
  readonly #tally: () => Tally
  readonly #resume: Resume
  readonly #call: Call
  #window = 0
  /** Sequence that this connection began after, and the one it sent last. */
  #base = 0
  #sent = 0
  #retryAfterMs = 0

  constructor(
    dialler: Dialler,
    agent: LoadAgent,
    tally: () => Tally,
    resume: Resume,
    events: ConnectionEvents,
  ) {
    this.#agent = agent
    this.#events = events
    this.#tally = tally
    this.#resume = resume
    this.#call = dialler.open(PUSH, {
      message: (bytes) => this.#take(bytes),
      end: (fault) => {
        if (fault !== undefined && this.#retryAfterMs === 0) tally().refuse(fault.code)
        events.end(this.#retryAfterMs)
      },
    })
  }

  /** Sends what waits and fits into the window. */
  pump(): void {
    const { waiting, acknowledged, limit } = this.#agent
    const end = Math.min(
      limit,
      waiting.at(-1)?.sequence ?? 0,
      Math.max(acknowledged, this.#base) + this.#window,
    )
    for (; this.#sent < end; this.#sent++) {
      const sealed = waiting[this.#sent - acknowledged]
      if (sealed === undefined) return
      this.#call.send(sealed.request)
      if (sealed.sequence <= this.#agent.sentUpTo) this.#tally().resent++
      else this.#agent.sentUpTo = sealed.sequence
    }
  }

  /** Drops the connection. */
  drop(): void {
    this.#call.drop()
  }

  #take(bytes: Uint8Array): void {
    const kind = fromBinary(PushResponseSchema, bytes).frame?.kind
    switch (kind?.case) {
      case 'challenge':
        return this.#call.send(this.#agent.hello(kind.value.nonce))
      case 'welcome':
        return this.#welcome(kind.value)
      case 'receipt':
        return this.#receipt(kind.value)
      case 'rejection':
        return this.#rejected(kind.value)
      case 'keyRotated':
      case 'decommissioned':
      case 'policy':
      case undefined:
      default:
        // What is sampled, and by which keys, is set by whoever runs the load.
        return undefined
    }
  }

  #welcome({ windowBatches, durableSequence }: Welcome): void {
    const { waiting, acknowledged } = this.#agent
    const durable = Number(durableSequence)
    if (durable < acknowledged) {
      const message = `batch ${acknowledged} had a receipt, and only ${durable} batches are durable`
      return this.#violation(fail('CHAIN_BROKEN', message).fault)
    }
    const last = waiting.at(-1)?.sequence ?? 0
    // A receipt is cumulative, so what is durable needs not be sent again where something comes after it.
    const from = this.#resume === 'durable' && last > durable ? durable : acknowledged
    this.#sent = from
    this.#base = from
    this.#window = windowBatches
    this.#call.send(this.#agent.definitions())
    this.#events.welcomed()
    this.pump()
  }

  #receipt({ receipt, signature }: SignedReceipt): void {
    const { identity } = this.#agent
    if (!verify(TAGS.receipt, receipt, signature, identity.collectorKey)) {
      return this.#violation(fail('SIGNATURE_INVALID', 'the receipt is not signed by the collector').fault)
    }
    const { quarantined, ...message } = fromBinary(ReceiptSchema, receipt)
    const released = this.#agent.release({ ...message, quarantined })
    if (released === undefined) {
      return this.#violation(fail('BATCH_DIGEST_MISMATCH', 'the receipt is for another batch').fault)
    }
    const nowMs = performance.now()
    this.#tally().receipts++
    for (const { tally, sealedMs } of released) tally.acknowledged(nowMs - sealedMs)
    for (const { code } of quarantined) this.#tally().refuse(code)
    this.#tally().quarantined += quarantined.length
    this.#sent = Math.max(this.#sent, this.#agent.acknowledged)
    this.#events.acknowledged()
    return this.pump()
  }

  #rejected({ code, retryAfterMs }: Rejection): void {
    this.#tally().refuse(code)
    // The call's own end comes with the same fault, which is not another refusal.
    this.#retryAfterMs = Math.max(1, retryAfterMs)
    this.drop()
  }

  #violation(fault: Fault): void {
    this.#tally().violations++
    this.#tally().refuse(fault.code)
    this.#retryAfterMs = 1
    this.drop()
  }
}
