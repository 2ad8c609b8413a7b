import { create } from '@bufbuild/protobuf'
import {
  DecommissionRequestSchema,
  EnrolRequestSchema,
  EnrolmentService,
  RotateKeyRequestSchema,
} from '@vouch/proto/gen/vouch/enrolment/v1/enrolment_pb.ts'
import type {
  DecommissionRequest,
  RotateKeyRequest,
} from '@vouch/proto/gen/vouch/enrolment/v1/enrolment_pb.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { decommissionBytes, enrolBytes, rotateBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { faultOfError, makeClient } from '@vouch/proto/wire/grpc.ts'
import type { Identity } from '../host/identity.ts'
import { channelTo } from './channel.ts'
import type { Target } from './channel.ts'

/** How long a call may take. */
const CALL_TIMEOUT_MS = 10_000

/** What an agent says of itself when it enrols. */
export interface Enrolment {
  readonly token: string
  readonly signer: Signer
  /** A name for people. */
  readonly label: string
  readonly resource: string
  readonly agentVersion: string
}

/** Spends a token. Faults: the collector's own, UNAVAILABLE, CONFIG_INVALID. */
export async function enrol(
  target: Target,
  { signer, token, ...about }: Enrolment,
): Promise<Result<Identity>> {
  const signature = signer.sign(TAGS.enrol, enrolBytes(token, signer.publicKey))
  const request = create(EnrolRequestSchema, { ...about, token, publicKey: signer.publicKey, signature })
  const response = await call(target, (client, options) => client.enrol(request, options))
  if (!response.ok) return response
  const { agentId, collectorPublicKey } = response.value
  if (agentId.length === 16 && collectorPublicKey.length === 32) return ok({ agentId, collectorPublicKey })
  return fail('INTERNAL', 'the collector answered the enrolment without a usable identity')
}

/** Replaces the key in force by the following one. Faults: the collector's own, UNAVAILABLE, CONFIG_INVALID. */
export async function rotate(
  target: Target,
  agentId: Uint8Array,
  current: Signer,
  next: Signer,
): Promise<Result<void>> {
  const request = rotateRequest(agentId, current, next)
  const response = await call(target, (client, options) => client.rotateKey(request, options))
  return response.ok ? ok(undefined) : response
}

/** Asks for the key in force to be replaced. */
export function rotateRequest(agentId: Uint8Array, current: Signer, next: Signer): RotateKeyRequest {
  const bytes = rotateBytes(agentId, next.publicKey)
  return create(RotateKeyRequestSchema, {
    agentId: new Uint8Array(agentId),
    newPublicKey: next.publicKey,
    signatureByCurrent: current.sign(TAGS.rotate, bytes),
    signatureByNew: next.sign(TAGS.rotate, bytes),
  })
}

/**
 * Ends the agent's life after its last batch. Faults: SEQUENCE_GAP where that batch is not the last one there, the
 * collector's others, UNAVAILABLE, CONFIG_INVALID.
 */
export async function decommission(
  target: Target,
  agentId: Uint8Array,
  lastDigest: Uint8Array,
  signer: Signer,
): Promise<Result<void>> {
  const request = decommissionRequest(agentId, lastDigest, signer)
  const response = await call(target, (client, options) => client.decommission(request, options))
  return response.ok ? ok(undefined) : response
}

/** Asks for the agent's life to be ended. */
export function decommissionRequest(
  agentId: Uint8Array,
  lastDigest: Uint8Array,
  signer: Signer,
): DecommissionRequest {
  const signature = signer.sign(TAGS.decommission, decommissionBytes(agentId, lastDigest))
  return create(DecommissionRequestSchema, {
    agentId: new Uint8Array(agentId),
    lastDigest: new Uint8Array(lastDigest),
    signature,
  })
}

type EnrolmentClient = ReturnType<typeof makeClient<(typeof EnrolmentService)['method']>>

async function call<T>(
  target: Target,
  body: (client: EnrolmentClient, options: { deadline: number }) => Promise<T>,
): Promise<Result<T>> {
  const channel = channelTo(target)
  if (!channel.ok) return channel
  const { credentials, options } = channel.value
  const client = makeClient(EnrolmentService, target.address, credentials, options)
  try {
    return ok(await body(client, { deadline: Date.now() + CALL_TIMEOUT_MS }))
  } catch (error) {
    return { ok: false, fault: faultOfError(error) }
  } finally {
    client.close()
  }
}
