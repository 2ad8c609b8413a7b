import { create } from '@bufbuild/protobuf'
import { GetPolicyResponseSchema, PolicyService } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import type { GetPolicyRequest, GetPolicyResponse } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { BUILT_IN, signPolicy } from '../fleet/policy.ts'
import type { Fleet } from '../fleet/ports.ts'
import type { Handler } from '@vouch/proto/wire/http2/route.ts'
import { unary } from './unary.ts'
import type { UnaryDeps } from './unary.ts'

/** What GetPolicy needs. */
export interface PolicyDeps extends UnaryDeps {
  readonly fleet: Fleet
  readonly signer: Signer
  readonly now: () => number
}

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
  const policy = signPolicy(agent.value.policy ?? BUILT_IN, deps.now(), deps.signer)
  return ok(create(GetPolicyResponseSchema, { policy }))
}
