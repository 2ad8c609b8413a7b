import { create } from '@bufbuild/protobuf'
import {
  DecommissionResponseSchema,
  RotateKeyResponseSchema,
} from '@vouch/proto/gen/vouch/enrolment/v1/enrolment_pb.ts'
import type {
  DecommissionRequest,
  DecommissionResponse,
  RotateKeyRequest,
  RotateKeyResponse,
} from '@vouch/proto/gen/vouch/enrolment/v1/enrolment_pb.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { decommissionBytes, rotateBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS, keyId, verify } from '@vouch/proto/seal/seal.ts'
import type { Archive, Logger } from '../ports.ts'
import { barredFault } from './barred.ts'
import type { Fleet, KeyWitness } from './ports.ts'

/** What turns in an agent's life need. */
export interface LifeDeps {
  readonly fleet: Fleet
  readonly archive: Archive
  readonly logger: Logger
  readonly now: () => number
}

/** Replaces an agent's key. Faults: SIGNATURE_INVALID, AGENT_UNKNOWN, AGENT_REVOKED and the like, KEY_RETIRED, STORE_…. */
export async function rotateKey(
  request: RotateKeyRequest,
  deps: LifeDeps,
): Promise<Result<RotateKeyResponse>> {
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

/** Ends an agent's life after the batch that it names. Faults: as {@link rotateKey}, FIELD_INVALID, SEQUENCE_GAP. */
export async function decommission(
  { agentId, lastDigest, signature }: DecommissionRequest,
  { archive, fleet, logger }: LifeDeps,
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
export function archiveKey(publicKey: Uint8Array, { archive, now }: LifeDeps): KeyWitness {
  return (agentId) => archive.addKey({ agentId, keyId: keyId(publicKey), publicKey, registeredMs: now() })
}
