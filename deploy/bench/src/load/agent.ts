import { randomBytes } from 'node:crypto'
import { create, toBinary } from '@bufbuild/protobuf'
import { RegisterKind } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import {
  AgentFrameSchema,
  HelloSchema,
  PushRequestSchema,
  StreamDefinitionsSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { AgentFrame, Receipt } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { concat, equalBytes } from '@vouch/proto/kernel/bytes.ts'
import { sealBatch } from '@vouch/proto/seal/batch.ts'
import { helloBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { streamId } from '@vouch/proto/seal/stream.ts'
import type { StreamIdentity } from '@vouch/proto/seal/stream.ts'
import type { BodyTemplate } from './body-template.ts'
import type { Tally } from './tally.ts'

/** Who an agent is, once enrolled. */
export interface Identity {
  /** 16 bytes. */
  readonly agentId: Uint8Array
  readonly signer: Signer
  /** Key that signs receipts, 32 bytes. */
  readonly collectorKey: Uint8Array
  /** What it meters. */
  readonly resource: string
}

/** A batch that has no receipt yet. */
export interface Sealed {
  readonly sequence: number
  readonly digest: Uint8Array
  /** The PushRequest that carries it, encoded. */
  readonly request: Uint8Array
  /** Monotonic milliseconds. */
  readonly sealedMs: number
  /** Where its fate is counted. */
  readonly tally: Tally
}

const VERSION = 'bench'
const ID_BYTES = 16
const BOOT_ID = new Uint8Array(ID_BYTES)

/** An agent of the load: one run of it, with its chain of signed batches. */
export class LoadAgent {
  readonly identity: Identity
  readonly runId = new Uint8Array(randomBytes(ID_BYTES))
  /** Batches without receipt, oldest first. */
  readonly waiting: Sealed[] = []
  /** Sequence of the last receipt; 0 = none. */
  acknowledged = 0
  /** No batch after this one is sent. */
  limit = Number.POSITIVE_INFINITY
  /** Newest batch that any connection has carried. */
  sentUpTo = 0
  /** When its readings begin, epoch milliseconds; it does not change once a batch is sealed. */
  startMs = 0
  readonly #template: BodyTemplate
  readonly #streamIds: Uint8Array
  #sequence = 0
  #previousDigest = new Uint8Array()

  constructor(identity: Identity, template: BodyTemplate) {
    this.identity = identity
    this.#template = template
    this.#streamIds = concat(this.#streams().map((stream) => streamId(identity.agentId, stream)))
  }

  /** Batches sealed so far. */
  get sealed(): number {
    return this.#sequence
  }

  /** The body of a batch, as it was or will be sent. */
  body(sequence: number): Uint8Array<ArrayBuffer> {
    return this.#template.body(this.#streamIds, this.startMs, sequence - 1)
  }

  /** Seals the next batch of the chain; it waits for its receipt from now on. */
  seal(tally: Tally): Sealed {
    const sequence = ++this.#sequence
    const nowMs = BigInt(Date.now())
    const { agentId, signer } = this.identity
    const header = {
      agentId,
      runId: this.runId,
      sequence: BigInt(sequence),
      previousDigest: this.#previousDigest,
      clock: { wallMs: nowMs, monotonicMs: nowMs, boottimeMs: nowMs, bootId: BOOT_ID },
      agentVersion: VERSION,
    }
    const { signed, digest } = sealBatch(header, this.body(sequence), signer)
    this.#previousDigest = digest
    const request = encode({ case: 'batch', value: signed })
    const sealed = { sequence, digest, request, sealedMs: performance.now(), tally }
    this.waiting.push(sealed)
    return sealed
  }

  /** The answer to a challenge, encoded. */
  hello(nonce: Uint8Array): Uint8Array {
    const { agentId, signer } = this.identity
    const signature = signer.sign(TAGS.hello, helloBytes(nonce, agentId, this.runId))
    const hello = { agentId, runId: this.runId, keyId: signer.keyId, signature, agentVersion: VERSION }
    return encode({ case: 'hello', value: create(HelloSchema, hello) })
  }

  /** The definitions of its streams, encoded. */
  definitions(): Uint8Array {
    const streams = this.#streams().map((stream, index) => ({
      ...stream,
      streamId: this.#streamIds.subarray(index * ID_BYTES, (index + 1) * ID_BYTES),
    }))
    return encode({ case: 'definitions', value: create(StreamDefinitionsSchema, { streams }) })
  }

  /** Takes a receipt that is authentic; gives the batches it covers, undefined where it is for something else. */
  release({ agentId, runId, sequence, digest }: Receipt): Sealed[] | undefined {
    const upTo = Number(sequence)
    if (!equalBytes(agentId, this.identity.agentId) || !equalBytes(runId, this.runId)) return undefined
    if (upTo <= this.acknowledged) return []
    const index = upTo - this.acknowledged - 1
    if (!equalBytes(digest, this.waiting[index]?.digest ?? new Uint8Array())) return undefined
    this.acknowledged = upTo
    return this.waiting.splice(0, index + 1)
  }

  /** Interfaces of its host, two meters each. Made anew when needed: ten thousand agents would hold two million. */
  #streams(): StreamIdentity[] {
    return Array.from({ length: this.#template.shape.streams }, (_, index) => ({
      resource: `${this.identity.resource}/interface:eth${index >> 1}`,
      meter: index % 2 === 0 ? 'host.network.received' : 'host.network.sent',
      unit: 'B',
      kind: RegisterKind.COUNTER,
    }))
  }
}

function encode(kind: AgentFrame['kind']): Uint8Array {
  return toBinary(PushRequestSchema, create(PushRequestSchema, { frame: create(AgentFrameSchema, { kind }) }))
}
