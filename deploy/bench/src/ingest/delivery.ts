import { create, fromBinary } from '@bufbuild/protobuf'
import type { ChannelCredentials, ClientDuplexStream } from '@grpc/grpc-js'
import {
  AgentFrameSchema,
  HelloSchema,
  IngestService,
  PushRequestSchema,
  ReceiptSchema,
  StreamDefinitionsSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type {
  AgentFrame,
  CollectorFrame,
  PushRequest,
  PushResponse,
  SignedReceipt,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { equalBytes } from '@vouch/proto/kernel/bytes.ts'
import { FaultError, fail } from '@vouch/proto/kernel/fault.ts'
import { batchDigest } from '@vouch/proto/seal/batch.ts'
import { helloBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS, verify } from '@vouch/proto/seal/seal.ts'
import { faultOfError, makeClient } from '@vouch/proto/wire/grpc.ts'
import type { LoadAgent } from './fleet.ts'

/** Where the collector listens, and how it is trusted. */
export interface Target {
  readonly address: string
  readonly credentials: ChannelCredentials
}

/** Name in the collector's certificate: TLS knows no names that are addresses. */
export const HOST_NAME = 'localhost'

/** A connection of its own for each agent, as agents on hosts of their own have. */
export const CHANNEL_OPTIONS = {
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  'grpc.ssl_target_name_override': HOST_NAME,
}

/** One agent's Push stream: sends within the window, and takes nothing but verified receipts for an answer. */
export class Delivery {
  readonly #agent: LoadAgent
  readonly #client: ReturnType<typeof makeClient<(typeof IngestService)['method']>>
  readonly #call: ClientDuplexStream<PushRequest, PushResponse>
  readonly #welcomed = Promise.withResolvers<void>()
  #settled = Promise.withResolvers<void>()
  #window = 0
  #sent = 0
  #durable = 0
  #target = 0

  constructor({ address, credentials }: Target, agent: LoadAgent) {
    this.#agent = agent
    this.#client = makeClient(IngestService, address, credentials, CHANNEL_OPTIONS)
    this.#call = this.#client.push()
    this.#call.on('data', ({ frame }: PushResponse) => this.#take(frame?.kind ?? { case: undefined }))
    this.#call.on('error', (error) => this.#fail(new FaultError(faultOfError(error))))
    // Either may fail when nobody waits for it.
    this.#welcomed.promise.catch(() => undefined)
    this.#settled.promise.catch(() => undefined)
  }

  /** Resolves when the collector has accepted the agent and its streams are declared. */
  async welcomed(): Promise<void> {
    await this.#welcomed.promise
  }

  /** Sends the agent's first `count` batches, as far as not sent, and waits for the receipts of all. */
  async deliver(count: number): Promise<void> {
    this.#target = count
    this.#settled = Promise.withResolvers()
    this.#sendOn()
    await this.#settled.promise
  }

  close(): void {
    this.#call.cancel()
    this.#client.close()
  }

  #take(kind: CollectorFrame['kind']): void {
    if (kind.case === 'challenge') this.#greet(kind.value.nonce)
    else if (kind.case === 'welcome') {
      this.#window = kind.value.windowBatches
      this.#send({
        case: 'definitions',
        value: create(StreamDefinitionsSchema, { streams: [...this.#agent.streams] }),
      })
      this.#welcomed.resolve()
    } else if (kind.case === 'receipt') this.#acknowledge(kind.value)
    else if (kind.case === 'rejection') this.#fail(new Error(`${kind.value.code}: ${kind.value.message}`))
  }

  #greet(nonce: Uint8Array): void {
    const { agentId, runId, signer } = this.#agent
    const signature = signer.sign(TAGS.hello, helloBytes(nonce, agentId, runId))
    const hello = { agentId, runId, keyId: signer.keyId, signature, agentVersion: 'bench' }
    this.#send({ case: 'hello', value: create(HelloSchema, hello) })
  }

  #acknowledge({ receipt, signature }: SignedReceipt): void {
    const { sequence, digest, quarantined } = fromBinary(ReceiptSchema, receipt)
    const batch = this.#agent.batches[Number(sequence) - 1]
    const authentic = verify(TAGS.receipt, receipt, signature, this.#agent.collectorKey)
    if (batch === undefined || !authentic || !equalBytes(digest, batchDigest(batch.header))) {
      this.#fail(
        new FaultError(fail('SIGNATURE_INVALID', `the receipt for batch ${sequence} does not hold`).fault),
      )
    } else if (quarantined[0] !== undefined) {
      this.#fail(new Error(`${quarantined[0].code}: ${quarantined[0].message}`))
    } else {
      this.#durable = Number(sequence)
      if (this.#durable >= this.#target) this.#settled.resolve()
      this.#sendOn()
    }
  }

  #sendOn(): void {
    const end = Math.min(this.#target, this.#durable + this.#window)
    for (; this.#sent < end; this.#sent++) {
      const value = this.#agent.batches[this.#sent]
      if (value !== undefined) this.#send({ case: 'batch', value })
    }
  }

  #send(kind: AgentFrame['kind']): void {
    this.#call.write(create(PushRequestSchema, { frame: create(AgentFrameSchema, { kind }) }))
  }

  #fail(error: Error): void {
    this.#welcomed.reject(error)
    this.#settled.reject(error)
  }
}
