import { create, toBinary } from '@bufbuild/protobuf'
import {
  GetPolicyResponseSchema,
  PolicySchema,
  PolicyService,
  SignedPolicySchema,
} from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import type { GetPolicyRequest, GetPolicyResponse } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { TAGS } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import type { Fleet } from '../ports.ts'
import type { Handler } from './route.ts'
import { unary } from './unary.ts'
import type { UnaryDeps } from './unary.ts'

/** What GetPolicy needs. */
export interface PolicyDeps extends UnaryDeps {
  readonly fleet: Fleet
  readonly signer: Signer
  readonly now: () => number
}

/** The built-in policy, version 0: an agent's own settings win over it. */
const DEFAULTS = {
  version: 0n,
  cadenceMs: 10_000,
  batchIntervalMs: 60_000,
  sources: ['host'],
  spoolBytesMax: 256n * 1024n * 1024n,
  spoolAgeMaxMs: 35n * 86_400_000n,
}
const VALID_MS = 7 * 86_400_000

/** Routes of PolicyService. */
export function policyRoutes(deps: PolicyDeps): (readonly [string, Handler])[] {
  return [unary(PolicyService.method.getPolicy, (request) => getPolicy(request, deps), deps)]
}

async function getPolicy(
  { agentId }: GetPolicyRequest,
  deps: PolicyDeps,
): Promise<Result<GetPolicyResponse>> {
  if (agentId.length !== 16) return fail('AGENT_UNKNOWN', 'an agent id has 16 bytes')
  const agent = await deps.fleet.agent(agentId)
  if (!agent.ok) return agent
  const policy = toBinary(
    PolicySchema,
    create(PolicySchema, { ...DEFAULTS, expiresMs: BigInt(deps.now() + VALID_MS) }),
  )
  const signature = deps.signer.sign(TAGS.policy, policy)
  return ok(
    create(GetPolicyResponseSchema, {
      policy: create(SignedPolicySchema, { policy, signature, keyId: deps.signer.keyId }),
    }),
  )
}
