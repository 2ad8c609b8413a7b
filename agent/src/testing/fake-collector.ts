import { randomBytes } from 'node:crypto'
import { create, toBinary } from '@bufbuild/protobuf'
import * as grpc from '@grpc/grpc-js'
import {
  DecommissionResponseSchema,
  EnrolResponseSchema,
  EnrolmentService,
} from '@vouch/proto/gen/vouch/enrolment/v1/enrolment_pb.ts'
import type { StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import {
  ChallengeSchema,
  CollectorFrameSchema,
  IngestService,
  PushResponseSchema,
  ReceiptSchema,
  RejectionSchema,
  SignedReceiptSchema,
  WelcomeSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type {
  CollectorFrame,
  PushRequest,
  PushResponse,
  Status,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { SignedPolicySchema } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import { fail, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { FaultCode } from '@vouch/proto/kernel/fault.ts'
import { openBatch } from '@vouch/proto/seal/batch.ts'
import { decommissionBytes, enrolBytes, helloBytes, rotateBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS, generateKeys, signerOf, verify } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import type { BatchHeader } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { decodeBody } from '@vouch/proto/wire/body.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'
import { addService, faultToStatus } from '@vouch/proto/wire/grpc.ts'

/** A batch as it arrived, checked. */
export interface Arrived {
  readonly header: BatchHeader
  readonly digest: Uint8Array
  readonly columns: Columns
}

/** A collector that keeps everything in memory and can be told to misbehave. */
export interface FakeCollector {
  readonly address: string
  /** Every batch in the order of arrival, repeats included. */
  readonly arrived: Arrived[]
  readonly definitions: Map<string, StreamDefinition>
  connections: number
  /** Where each connection came from. */
  readonly peers: string[]
  /** Takes status frames, as collectors do since there are any. */
  takesStatus: boolean
  readonly statuses: Status[]
  /** Ends every connection, in order or with this code. */
  handOver(code?: FaultCode): void
  /** Rejects whatever comes next with this code. */
  refuses: FaultCode | undefined
  /** Takes batches but gives no receipt. */
  silent: boolean
  /** Its wall clock less the system's, milliseconds. */
  wallOffsetMs: number
  /** Signs receipts with a key that no agent has pinned. */
  forges: boolean
  /** Pushed to agents after the welcome. */
  policy: Uint8Array | undefined
  /** Signs receipts and policies. */
  readonly keys: Signer
  /** Public keys by agent id. */
  readonly agents: Map<string, Uint8Array>
  /** Last digests by id of the agents whose life ended. */
  readonly decommissioned: Map<string, string>
  stop(): Promise<void>
}

type PushCall = grpc.ServerDuplexStream<PushRequest, PushResponse>

/** Starts it on a loopback port, with the keys and agents of one before it if given. The token `good` enrols, any number of times. */
export async function startFakeCollector(port = 0, before?: FakeCollector): Promise<FakeCollector> {
  const server = new grpc.Server()
  const keys = before?.keys ?? signerOf(generateKeys().privateKey)
  const agents = before?.agents ?? new Map<string, Uint8Array>()
  const forger = signerOf(generateKeys().privateKey)
  const ends = new Set<(code: FaultCode | undefined) => void>()
  const fake: FakeCollector = {
    address: '',
    arrived: [],
    definitions: new Map(),
    connections: 0,
    peers: [],
    takesStatus: true,
    statuses: [],
    handOver: (code) => {
      for (const end of ends) end(code)
    },
    refuses: undefined,
    silent: false,
    wallOffsetMs: 0,
    forges: false,
    policy: undefined,
    keys,
    agents,
    decommissioned: new Map(),
    stop: async () => server.forceShutdown(),
  }
  addService(server, EnrolmentService, {
    enrol: ({ request }, reply) => {
      if (request.token !== 'good') return reply(faultToStatus(fail('TOKEN_UNKNOWN', 'no such token').fault))
      const bytes = enrolBytes(request.token, request.publicKey)
      if (!verify(TAGS.enrol, bytes, request.signature, request.publicKey))
        return reply(faultToStatus(fail('SIGNATURE_INVALID', 'bad enrolment').fault))
      const agentId = randomBytes(16)
      agents.set(agentId.toHex(), request.publicKey)
      return reply(null, create(EnrolResponseSchema, { agentId, collectorPublicKey: keys.publicKey }))
    },
    rotateKey: ({ request }, reply) => {
      const { agentId, newPublicKey, signatureByCurrent, signatureByNew } = request
      const bytes = rotateBytes(agentId, newPublicKey)
      const current = agents.get(agentId.toHex()) ?? new Uint8Array(32)
      const isSigned =
        verify(TAGS.rotate, bytes, signatureByCurrent, current) &&
        verify(TAGS.rotate, bytes, signatureByNew, newPublicKey)
      if (!isSigned) return reply(faultToStatus(fail('SIGNATURE_INVALID', 'bad rotation').fault))
      agents.set(agentId.toHex(), newPublicKey)
      return reply(null, { $typeName: 'vouch.enrolment.v1.RotateKeyResponse', validFromMs: 0n })
    },
    decommission: ({ request }, reply) => {
      const { agentId, lastDigest, signature } = request
      const key = agents.get(agentId.toHex()) ?? new Uint8Array(32)
      if (!verify(TAGS.decommission, decommissionBytes(agentId, lastDigest), signature, key))
        return reply(faultToStatus(fail('SIGNATURE_INVALID', 'bad end').fault))
      fake.decommissioned.set(agentId.toHex(), lastDigest.toHex())
      return reply(null, create(DecommissionResponseSchema))
    },
  })
  addService(server, IngestService, {
    push: (call: PushCall) => serve(call, fake, fake.forges ? forger : keys, ends),
  })
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, value) =>
      error === null ? resolve(value) : reject(error),
    )
  })
  return Object.assign(fake, { address: `127.0.0.1:${bound}` })
}

function serve(
  call: PushCall,
  fake: FakeCollector,
  signer: Signer,
  ends: Set<(code: FaultCode | undefined) => void>,
): void {
  fake.connections += 1
  fake.peers.push(call.getPeer())
  const nonce = randomBytes(32)
  let publicKey: Uint8Array | undefined
  const send = (kind: CollectorFrame['kind']): void => {
    const frame = create(CollectorFrameSchema, { kind })
    call.write(create(PushResponseSchema, { frame }))
  }
  const reject = (code: FaultCode, message: string): void => {
    send({ case: 'rejection', value: create(RejectionSchema, { code, message }) })
    call.end()
  }
  const end = (code: FaultCode | undefined): void => {
    if (code === undefined) call.end()
    else reject(code, 'told to hand over')
  }
  ends.add(end)
  call.on('close', () => ends.delete(end))
  call.on('error', () => undefined)
  call.on('end', () => call.end())
  call.on('data', ({ frame }: PushRequest) => {
    if (fake.refuses !== undefined) return reject(fake.refuses, 'told to refuse')
    const kind = frame?.kind
    if (kind?.case === 'hello') {
      const { agentId, runId, signature } = kind.value
      const key = fake.agents.get(agentId.toHex()) ?? new Uint8Array(32)
      if (!verify(TAGS.hello, helloBytes(nonce, agentId, runId), signature, key))
        return reject('KEY_RETIRED', 'not the key in force')
      publicKey = key
      const { takesStatus } = fake
      const welcome = create(WelcomeSchema, { windowBatches: 4, batchBytesMax: 1 << 20, takesStatus })
      send({ case: 'welcome', value: welcome })
      // A frame that only a later version knows.
      const later = create(CollectorFrameSchema)
      later.$unknown = [{ no: 99, wireType: 2, data: Uint8Array.of(1, 7) }]
      call.write(create(PushResponseSchema, { frame: later }))
      const signed = fake.policy
      if (signed !== undefined)
        send({
          case: 'policy',
          value: create(SignedPolicySchema, { policy: signed, signature: signer.sign(TAGS.policy, signed) }),
        })
    } else if (kind?.case === 'status') {
      fake.statuses.push(kind.value)
    } else if (kind?.case === 'definitions') {
      for (const stream of kind.value.streams) fake.definitions.set(stream.streamId.toHex(), stream)
    } else if (kind?.case === 'batch' && publicKey !== undefined) {
      const { header, digest, body } = unwrap(openBatch(kind.value, publicKey))
      fake.arrived.push({ header, digest, columns: unwrap(decodeBody(body)) })
      if (fake.silent) return undefined
      const { agentId, runId, sequence } = header
      const receipt = toBinary(ReceiptSchema, create(ReceiptSchema, { agentId, runId, sequence, digest }))
      send({
        case: 'receipt',
        value: create(SignedReceiptSchema, { receipt, signature: signer.sign(TAGS.receipt, receipt) }),
      })
    }
    return undefined
  })
  send({
    case: 'challenge',
    value: create(ChallengeSchema, { nonce, wallMs: BigInt(Date.now() + fake.wallOffsetMs) }),
  })
}

/** Readings of one stream in one epoch. */
export interface ArrivedEpoch {
  readonly resource: string
  readonly meter: string
  readonly epoch: bigint
  /** Registers by time; a reading that came twice is here once. */
  readonly readings: Map<bigint, bigint>
}

/** What has arrived, by stream and epoch. */
export function epochsOf({ arrived, definitions }: FakeCollector): ArrivedEpoch[] {
  const found = new Map<string, ArrivedEpoch>()
  for (const { columns } of arrived) {
    let row = 0
    for (const [segment, rows] of columns.segmentRows.entries()) {
      const at = 16 * (columns.segmentStream[segment] ?? 0)
      const id = columns.streamIds.slice(at, at + 16).toHex()
      const { resource, meter } = definitions.get(id) ?? { resource: 'undeclared', meter: id }
      const epoch = columns.segmentEpoch[segment] ?? 0n
      const entry = found.get(`${id} ${epoch}`) ?? {
        resource,
        meter,
        epoch,
        readings: new Map<bigint, bigint>(),
      }
      found.set(`${id} ${epoch}`, entry)
      const end = row + rows
      for (; row < end; row += 1) entry.readings.set(columns.timeMs[row] ?? 0n, columns.register[row] ?? 0n)
    }
  }
  return [...found.values()]
}
