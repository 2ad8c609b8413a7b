import { create, toBinary } from '@bufbuild/protobuf'
import {
  EnrolRequestSchema,
  RotateKeyRequestSchema,
} from '@vouch/proto/gen/vouch/enrolment/v1/enrolment_pb.ts'
import {
  LossSchema,
  RegisterKind,
  StreamDefinitionSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { SignedBatch, StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { AgentFrameSchema, PushRequestSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { AgentFrame } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { GetPolicyRequestSchema } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import { sealBatch } from '@vouch/proto/seal/batch.ts'
import { enrolBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS, signerOf } from '@vouch/proto/seal/seal.ts'
import { streamId } from '@vouch/proto/seal/stream.ts'
import { encodeBody } from '@vouch/proto/wire/body.ts'
import { noise, oneOf, pick } from './mutate.ts'

const START_MS = 1_760_000_000_000

/** Keys of the agent whose messages are mutated; always the same, so that a case can be replayed. */
export const SIGNER = signerOf(new Uint8Array(32).fill(7))
/** Its id. */
export const AGENT_ID = new Uint8Array(16).fill(9)
/** What it was enrolled for. */
export const RESOURCE = 'host:fuzz'

/** A sound body. */
export function soundBody(random: () => number): Uint8Array {
  const segments = pick(random, 4)
  const rows = Array.from({ length: segments }, () => 1 + pick(random, 6))
  const total = rows.reduce((sum, count) => sum + count, 0)
  const timeMs = rows.flatMap((count) =>
    Array.from({ length: count }, (_, row) => BigInt(START_MS + row * 10_000)),
  )
  const losses = Array.from({ length: random() < 0.3 ? pick(random, 200) : 0 }, (_, index) =>
    create(LossSchema, { fromMs: BigInt(index), toMs: BigInt(index + 5), readings: 3n, reason: 1 }),
  )
  return encodeBody({
    streamIds: noise(random, segments * 16) as Uint8Array<ArrayBuffer>,
    timeBaseMs: START_MS,
    segmentStream: Uint32Array.from({ length: segments }, (_, index) => index),
    segmentEpoch: BigUint64Array.from({ length: segments }, () => BigInt(START_MS - pick(random, 1e6))),
    segmentRows: Uint32Array.from(rows),
    timeMs: BigUint64Array.from(timeMs),
    register: BigUint64Array.from(
      rows.flatMap((count) => Array.from({ length: count }, (_, row) => BigInt(row * 977))),
    ),
    spanMs: new Uint32Array(total).fill(10_000),
    losses,
  })
}

/** A sound batch, signed. */
export function soundBatch(random: () => number): SignedBatch {
  const clock = { wallMs: BigInt(START_MS), monotonicMs: 1n, boottimeMs: 1n, bootId: new Uint8Array(16) }
  const chain = { sequence: BigInt(2 + pick(random, 9)), previousDigest: noise(random, 32) }
  const header = { agentId: AGENT_ID, runId: new Uint8Array(16), ...chain, clock, agentVersion: 'fuzz' }
  return sealBatch(header, soundBody(random), SIGNER).signed
}

/** A sound definition. */
export function soundDefinition(random: () => number): StreamDefinition {
  const identity = {
    resource: `${RESOURCE}/part:${pick(random, 100)}`,
    meter: 'host.cpu.used',
    unit: 'ms',
    kind: RegisterKind.COUNTER,
  }
  return create(StreamDefinitionSchema, {
    ...identity,
    streamId: streamId(AGENT_ID, identity),
    attributes: { rack: 'seven' },
  })
}

/** A frame as a message of Push. */
export function frame(kind: AgentFrame['kind']): Uint8Array {
  return toBinary(PushRequestSchema, create(PushRequestSchema, { frame: create(AgentFrameSchema, { kind }) }))
}

/** A request of one message, by the path of its method. */
export function soundRequest(random: () => number): { readonly path: string; readonly bytes: Uint8Array } {
  const { publicKey } = SIGNER
  const signature = SIGNER.sign(TAGS.enrol, enrolBytes('token', publicKey))
  return oneOf(random, [
    {
      path: '/vouch.enrolment.v1.EnrolmentService/Enrol',
      bytes: toBinary(
        EnrolRequestSchema,
        create(EnrolRequestSchema, { token: 'token', publicKey, signature, resource: RESOURCE }),
      ),
    },
    {
      path: '/vouch.enrolment.v1.EnrolmentService/RotateKey',
      bytes: toBinary(
        RotateKeyRequestSchema,
        create(RotateKeyRequestSchema, {
          agentId: AGENT_ID,
          newPublicKey: publicKey,
          signatureByCurrent: signature,
          signatureByNew: signature,
        }),
      ),
    },
    {
      path: '/vouch.policy.v1.PolicyService/GetPolicy',
      bytes: toBinary(GetPolicyRequestSchema, create(GetPolicyRequestSchema, { agentId: AGENT_ID })),
    },
  ])
}
