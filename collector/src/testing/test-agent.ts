import { randomBytes } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { credentials } from '@grpc/grpc-js'
import type { ClientDuplexStream } from '@grpc/grpc-js'
import { EnrolmentService } from '@vouch/proto/gen/vouch/enrolment/v1/enrolment_pb.ts'
import { RegisterKind, StreamDefinitionSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { Loss, SignedBatch, StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
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
  Receipt,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { fromBinary } from '@bufbuild/protobuf'
import { isFaultCode, throwFault } from '@vouch/proto/kernel/fault.ts'
import { sealBatch } from '@vouch/proto/seal/batch.ts'
import { enrolBytes, helloBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS, generateKeys, signerOf, verify } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { streamId } from '@vouch/proto/seal/stream.ts'
import { encodeBody } from '@vouch/proto/wire/body.ts'
import { faultOfError, makeClient } from '@vouch/proto/wire/grpc.ts'

/** One reading to be signed. */
export interface Sample {
  readonly stream?: StreamDefinition
  readonly epoch?: bigint
  readonly timeMs: number
  readonly register: bigint
  readonly spanMs?: number
}

/** What differs from an ordinary batch. */
export interface SealOptions {
  readonly wallMs?: number
  readonly runId?: Uint8Array
  readonly sequence?: bigint
  readonly previous?: Uint8Array
  readonly losses?: readonly Loss[]
  readonly body?: Uint8Array
  readonly signer?: Signer
  readonly final?: boolean
}

const TEST_RESOURCE = 'host:test'

/** An agent for tests: real keys, real seals, a real chain. */
export class TestAgent {
  readonly agentId: Uint8Array
  readonly collectorKey: Uint8Array
  signer: Signer
  runId: Uint8Array = randomBytes(16)
  sequence = 0n
  previous: Uint8Array = new Uint8Array()
  readonly stream: StreamDefinition

  constructor(agentId: Uint8Array, collectorKey: Uint8Array, signer: Signer, resource = TEST_RESOURCE) {
    this.agentId = agentId
    this.collectorKey = collectorKey
    this.signer = signer
    this.stream = this.define(resource, 'host.cpu.used', 'ms')
  }

  define(resource: string, meter: string, unit: string, kind = RegisterKind.COUNTER): StreamDefinition {
    const identity = { resource, meter, unit, kind }
    return create(StreamDefinitionSchema, {
      ...identity,
      streamId: streamId(this.agentId, identity),
      attributes: { a: 'ä' },
    })
  }

  /** Starts a new run; the chain goes on. */
  restart(): void {
    this.runId = randomBytes(16)
    this.sequence = 0n
  }

  /** The next batch of the chain, one segment a sample run. */
  seal(samples: readonly Sample[], options: SealOptions = {}): SignedBatch {
    const sequence = options.sequence ?? ++this.sequence
    const wallMs = BigInt(options.wallMs ?? Date.now())
    const { signed, digest } = sealBatch(
      {
        agentId: this.agentId,
        runId: options.runId ?? this.runId,
        sequence,
        previousDigest: options.previous ?? this.previous,
        clock: { wallMs, monotonicMs: 1n, boottimeMs: 1n, bootId: new Uint8Array(16) },
        agentVersion: 'test',
        final: options.final ?? false,
      },
      options.body ?? bodyOf(this.stream, samples, options.losses ?? []),
      options.signer ?? this.signer,
    )
    if (options.sequence === undefined) this.previous = digest
    return signed
  }
}

function bodyOf(stream: StreamDefinition, samples: readonly Sample[], losses: readonly Loss[]): Uint8Array {
  const segments = [
    ...Map.groupBy(samples, (sample) => `${(sample.stream ?? stream).meter} ${sample.epoch ?? 1n}`).values(),
  ]
  const rows = segments.flat()
  return encodeBody({
    streamIds: Buffer.concat(segments.map(([first]) => (first!.stream ?? stream).streamId)),
    timeBaseMs:
      Math.min(...rows.map(({ timeMs }) => timeMs), Number.MAX_SAFE_INTEGER) % Number.MAX_SAFE_INTEGER,
    segmentStream: Uint32Array.from(segments, (_, index) => index),
    segmentEpoch: BigUint64Array.from(segments, ([first]) => first!.epoch ?? 1n),
    segmentRows: Uint32Array.from(segments, ({ length }) => length),
    timeMs: BigUint64Array.from(rows, ({ timeMs }) => BigInt(timeMs)),
    register: BigUint64Array.from(rows, ({ register }) => register),
    spanMs: Uint32Array.from(rows, ({ spanMs }) => spanMs ?? 0),
    losses,
  })
}

/** Enrols a new agent for a resource. Throws a FaultError. */
export async function enrolAgent(
  address: string,
  token: string,
  signer = signerOf(generateKeys().privateKey),
  resource = TEST_RESOURCE,
): Promise<TestAgent> {
  const client = makeClient(EnrolmentService, address, credentials.createInsecure())
  try {
    const { publicKey } = signer
    const signature = signer.sign(TAGS.enrol, enrolBytes(token, publicKey))
    const request = {
      token,
      publicKey,
      signature,
      label: 'test',
      resource,
      agentVersion: 'test',
    }
    const response = await client.enrol({ $typeName: 'vouch.enrolment.v1.EnrolRequest', ...request })
    return new TestAgent(response.agentId, response.collectorPublicKey, signer, resource)
  } catch (error) {
    const { code, message } = faultOfError(error)
    return throwFault(code, message)
  } finally {
    client.close()
  }
}

type FrameValue<C> = Extract<CollectorFrame['kind'], { case: C }>['value']

/** One Push connection of a test agent, frame by frame. */
export class TestConnection {
  readonly #client: ReturnType<typeof makeClient<(typeof IngestService)['method']>>
  readonly #call: ClientDuplexStream<PushRequest, PushResponse>
  readonly #frames: AsyncIterator<PushResponse>
  readonly #agent: TestAgent

  constructor(address: string, agent: TestAgent) {
    this.#agent = agent
    this.#client = makeClient(IngestService, address, credentials.createInsecure(), {
      'grpc.enable_retries': 0,
      'grpc.use_local_subchannel_pool': 1,
    })
    this.#call = this.#client.push()
    this.#call.on('error', () => undefined)
    this.#frames = this.#call[Symbol.asyncIterator]()
  }

  send(kind: AgentFrame['kind']): void {
    this.#call.write(create(PushRequestSchema, { frame: create(AgentFrameSchema, { kind }) }))
  }

  /** The next frame; throws the FaultError with which the stream ends. */
  async next(): Promise<CollectorFrame['kind']> {
    try {
      const next = await this.#frames.next()
      return next.done === true ? { case: undefined } : (next.value.frame?.kind ?? { case: undefined })
    } catch (error) {
      const { code, message } = faultOfError(error)
      return throwFault(code, message)
    }
  }

  /** Answers the challenge; returns the sequence known to be durable. Throws the fault of a rejection. */
  async hello(signer = this.#agent.signer, agentId = this.#agent.agentId): Promise<bigint> {
    const challenge = await this.next()
    if (challenge.case !== 'challenge') throw new Error(`not a challenge but ${challenge.case}`)
    const { runId } = this.#agent
    const signature = signer.sign(TAGS.hello, helloBytes(challenge.value.nonce, agentId, runId))
    this.send({
      case: 'hello',
      value: create(HelloSchema, { agentId, runId, keyId: signer.keyId, signature }),
    })
    const welcome = await this.#expect('welcome')
    return welcome.durableSequence
  }

  declare(...streams: StreamDefinition[]): void {
    this.send({ case: 'definitions', value: create(StreamDefinitionsSchema, { streams }) })
  }

  batch(signed: SignedBatch): void {
    this.send({ case: 'batch', value: signed })
  }

  /** Waits for a receipt up to a sequence. Throws the fault of a rejection. */
  async receipt(upTo: bigint): Promise<Receipt[]> {
    const receipts: Receipt[] = []
    for (;;) {
      const { receipt: bytes, signature } = await this.#expect('receipt')
      if (!verify(TAGS.receipt, bytes, signature, this.#agent.collectorKey))
        throw new Error('the receipt is not signed')
      const receipt = fromBinary(ReceiptSchema, bytes)
      receipts.push(receipt)
      if (receipt.sequence >= upTo) return receipts
    }
  }

  async #expect<C extends 'welcome' | 'receipt'>(wanted: C): Promise<FrameValue<C>> {
    const frame = await this.next()
    if (frame.case === 'rejection') {
      const { code, message } = frame.value
      this.close()
      return throwFault(isFaultCode(code) ? code : 'INTERNAL', message)
    }
    if (frame.case !== wanted) throw new Error(`not a ${wanted} but ${frame.case}`)
    // The comparison above cannot narrow by a type parameter.
    return frame.value as unknown as FrameValue<C>
  }

  /** Ends our side and waits for theirs. */
  end(): void {
    this.#call.end()
  }

  close(): void {
    this.#call.cancel()
    this.#client.close()
  }
}
