import { create } from '@bufbuild/protobuf'
import { EnrolmentService, EnrolResponseSchema } from '@vouch/proto/gen/vouch/enrolment/v1/enrolment_pb.ts'
import type { EnrolRequest, EnrolResponse } from '@vouch/proto/gen/vouch/enrolment/v1/enrolment_pb.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { enrolBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS, verify } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { checkClaim } from '../fleet/claim.ts'
import { archiveKey, decommission, rotateKey } from '../fleet/life.ts'
import type { LifeDeps } from '../fleet/life.ts'
import type { Handler } from '@vouch/proto/wire/http2/route.ts'
import { unary } from './unary.ts'
import type { UnaryDeps } from './unary.ts'

/** What enrolment needs. */
export interface EnrolmentDeps extends UnaryDeps, LifeDeps {
  readonly signer: Signer
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
