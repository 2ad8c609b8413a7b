import { randomBytes } from 'node:crypto'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  AgentService,
  ChallengeSchema,
  CollectorFrameSchema,
  PullRequestSchema,
  PullResponseSchema,
  ReceiptSchema,
  SignedReceiptSchema,
  WelcomeSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { AgentFrame, CollectorFrame, Hello } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { openBatch } from '@vouch/proto/seal/batch.ts'
import { helloBytes, welcomeBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS, verify } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { dialGrpc } from '@vouch/proto/wire/http2/client.ts'
import type { GrpcConnection } from '@vouch/proto/wire/http2/client.ts'
import type { OutgoingCall } from '@vouch/proto/wire/http2/outgoing-call.ts'
import { pathOf } from '@vouch/proto/wire/http2/route.ts'

const MIB = 1024 * 1024

/** A collector's end of one connection that it has dialled, frame by frame. */
export class FakePuller {
  readonly #connection: GrpcConnection
  readonly call: OutgoingCall
  readonly #signer: Signer
  readonly #nonce = randomBytes(32)

  private constructor(connection: GrpcConnection, signer: Signer) {
    this.#connection = connection
    this.call = connection.call(pathOf(AgentService.method.pull), MIB)
    this.#signer = signer
  }

  /** Dials an agent, as the collector whose key this is. */
  static async dial(address: string, signer: Signer): Promise<FakePuller> {
    return new FakePuller(unwrap(await dialGrpc({ address, tls: undefined, timeoutMs: 2_000 })), signer)
  }

  send(kind: CollectorFrame['kind']): void {
    const request = create(PullRequestSchema, { frame: create(CollectorFrameSchema, { kind }) })
    this.call.write(toBinary(PullRequestSchema, request))
  }

  /** The next frame; undefined where the agent has ended the call. Throws the FaultError with which it ended otherwise. */
  async next(): Promise<AgentFrame['kind'] | undefined> {
    const bytes = await this.call.next()
    if (bytes === undefined) return undefined
    return fromBinary(PullResponseSchema, bytes).frame?.kind ?? { case: undefined }
  }

  /** Challenges the agent; returns its hello, checked. */
  async challenge(agentKey: Uint8Array): Promise<Hello> {
    this.send({
      case: 'challenge',
      value: create(ChallengeSchema, { nonce: this.#nonce, wallMs: BigInt(Date.now() + 250) }),
    })
    const frame = await this.next()
    if (frame?.case !== 'hello') throw new Error(`not a hello but ${frame?.case}`)
    const { agentId, runId, signature } = frame.value
    if (!verify(TAGS.hello, helloBytes(this.#nonce, agentId, runId), signature, agentKey))
      throw new Error('the hello is not signed')
    return frame.value
  }

  /** Welcomes the agent; of what the signature is may be changed. */
  welcome(
    { nonce, agentId, runId }: Hello,
    over: { readonly signature?: Uint8Array<ArrayBuffer> } = {},
  ): void {
    const statement = welcomeBytes(nonce, this.#nonce, agentId, runId)
    const signature = this.#signer.sign(TAGS.welcome, statement)
    this.send({
      case: 'welcome',
      value: create(WelcomeSchema, { windowBatches: 4, batchBytesMax: MIB, signature, ...over }),
    })
  }

  /** Takes batches and gives receipts, so many; returns their sequences. */
  async take(count: number, agentKey: Uint8Array): Promise<bigint[]> {
    const sequences: bigint[] = []
    while (sequences.length < count) {
      const frame = await this.next()
      if (frame === undefined) break
      if (frame.case !== 'batch') continue
      const { header, digest } = unwrap(openBatch(frame.value, agentKey))
      const { agentId, runId, sequence } = header
      sequences.push(sequence)
      const receipt = toBinary(ReceiptSchema, create(ReceiptSchema, { agentId, runId, sequence, digest }))
      const signature = this.#signer.sign(TAGS.receipt, receipt)
      this.send({ case: 'receipt', value: create(SignedReceiptSchema, { receipt, signature }) })
    }
    return sequences
  }

  close(): void {
    this.#connection.close()
  }
}
