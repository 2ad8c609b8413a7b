import { create } from '@bufbuild/protobuf'
import {
  DecommissionResponseSchema,
  EnrolmentService,
  EnrolResponseSchema,
  RotateKeyResponseSchema,
} from '@vouch/proto/gen/vouch/enrolment/v1/enrolment_pb.ts'
import type {
  DecommissionRequest,
  DecommissionResponse,
  EnrolRequest,
  EnrolResponse,
  RotateKeyRequest,
  RotateKeyResponse,
} from '@vouch/proto/gen/vouch/enrolment/v1/enrolment_pb.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { decommissionBytes, enrolBytes, rotateBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS, keyId, verify } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { barredFault } from '../fleet/barred.ts'
import { checkClaim } from '../fleet/claim.ts'
import type { Fleet, KeyWitness } from '../fleet/ports.ts'
import type { Archive } from '../ports.ts'
import type { Handler } from '@vouch/proto/wire/http2/route.ts'
import { unary } from './unary.ts'
import type { UnaryDeps } from './unary.ts'

/** What enrolment needs. */
export interface EnrolmentDeps extends UnaryDeps {
  readonly fleet: Fleet
  readonly archive: Archive
  readonly signer: Signer
  readonly now: () => number
}

const TOKEN_CHARACTERS_MAX = 200

/** Routes of EnrolmentService. */
export function enrolmentRoutes(deps: EnrolmentDeps): (readonly [string, Handler])[] {
  const { method } = EnrolmentService
  return [
    unary(method.enrol, (request) => enrol(request, deps), deps),
    unary(method.rotateKey, (request) => rotateKey(request, deps), deps),
    unary(method.decommission, (request) => decommission(request, deps), deps),
  ]
}

async function enrol(request: EnrolRequest, deps: EnrolmentDeps): Promise<Result<EnrolResponse>> {
  const { token, publicKey, signature, label, resource, agentVersion } = request
  // Proof of possession first: it costs no store anything.
  if (
    token.length > TOKEN_CHARACTERS_MAX ||
    !verify(TAGS.enrol, enrolBytes(token, publicKey), signature, publicKey)
  ) {
    return fail('SIGNATURE_INVALID', 'the request is not signed by the key that it brings')
  }
  const claim = checkClaim(request)
  if (!claim.ok) return claim
  const enrolled = await deps.fleet.enrol(
    { token, publicKey, label, resource, agentVersion },
    archiveKey(publicKey, deps),
  )
  if (!enrolled.ok) return enrolled
  const { agentId, others } = enrolled.value
  const agent = agentId.toHex()
  deps.logger.info({ agent, label, resource }, 'agent enrolled')
  if (others.length > 0)
    deps.logger.warn({ agent, others, resource }, 'more than one agent is enrolled for this resource')
  return ok(
    create(EnrolResponseSchema, {
      agentId: new Uint8Array(agentId),
      collectorPublicKey: deps.signer.publicKey,
      wallMs: BigInt(deps.now()),
    }),
  )
}

async function rotateKey(request: RotateKeyRequest, deps: EnrolmentDeps): Promise<Result<RotateKeyResponse>> {
  const { agentId, newPublicKey, signatureByCurrent, signatureByNew } = request
  const statement = rotateBytes(agentId, newPublicKey)
  if (agentId.length !== 16 || !verify(TAGS.rotate, statement, signatureByNew, newPublicKey)) {
    return fail('SIGNATURE_INVALID', 'the request is not signed by the new key')
  }
  const agent = await deps.fleet.agent(agentId)
  if (!agent.ok) return agent
  const { keys, reason, state } = agent.value
  if (state !== 'active') return { ok: false, fault: barredFault(state, reason) }
  const signer = [...keys.values()].find((key) =>
    verify(TAGS.rotate, statement, signatureByCurrent, key.publicKey),
  )
  if (signer === undefined)
    return fail('SIGNATURE_INVALID', 'the request is not signed by a key of this agent')
  const validFromMs = await deps.fleet.rotate(
    agentId,
    { current: signer.publicKey, next: newPublicKey },
    archiveKey(newPublicKey, deps),
  )
  if (!validFromMs.ok) return validFromMs
  deps.logger.info({ agent: agentId.toHex() }, 'key rotated')
  return ok(create(RotateKeyResponseSchema, { validFromMs: BigInt(validFromMs.value) }))
}

async function decommission(
  { agentId, lastDigest, signature }: DecommissionRequest,
  { archive, fleet, logger }: EnrolmentDeps,
): Promise<Result<DecommissionResponse>> {
  if (agentId.length !== 16 || ![0, 32].includes(lastDigest.length))
    return fail('FIELD_INVALID', 'an agent id has 16 bytes, and a digest 32 or none')
  const agent = await fleet.agent(agentId)
  if (!agent.ok) return agent
  const { keys, reason, state } = agent.value
  const statement = decommissionBytes(agentId, lastDigest)
  const isSigned = keys
    .values()
    .some(
      ({ publicKey, retiredMs }) =>
        retiredMs === undefined && verify(TAGS.decommission, statement, signature, publicKey),
    )
  if (!isSigned) return fail('SIGNATURE_INVALID', "the request is not signed by this agent's key in force")
  if (state !== 'active' && state !== 'decommissioned')
    return { ok: false, fault: barredFault(state, reason) }
  const isLast = await endsWith(agentId, lastDigest, archive)
  if (!isLast.ok) return isLast
  if (!isLast.value)
    return fail('SEQUENCE_GAP', 'the batch that is named is not the last one here; deliver what waits first')
  const atMs = await fleet.decommission(agentId, lastDigest)
  if (!atMs.ok) return atMs
  logger.info({ agent: agentId.toHex() }, 'agent decommissioned')
  return ok(create(DecommissionResponseSchema, { atMs: BigInt(atMs.value) }))
}

/** Whether the chain of an agent ends with this digest; with none where it never began. */
async function endsWith(agentId: Uint8Array, digest: Uint8Array, archive: Archive): Promise<Result<boolean>> {
  if (digest.length === 0) {
    const known = await archive.hasAgent(agentId)
    return known.ok ? ok(!known.value) : known
  }
  const held = await archive.hasDigest(agentId, digest)
  if (!held.ok || !held.value) return held
  const successor = await archive.successor(agentId, digest)
  return successor.ok ? ok(successor.value === undefined) : successor
}

/** Evidence needs the key for ever, so it is archived before the registration can count. */
function archiveKey(publicKey: Uint8Array, { archive, now }: EnrolmentDeps): KeyWitness {
  return (agentId) => archive.addKey({ agentId, keyId: keyId(publicKey), publicKey, registeredMs: now() })
}
