import { create, toBinary } from '@bufbuild/protobuf'
import {
  GetPolicyResponseSchema,
  PolicySchema,
  SignedPolicySchema,
} from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import type {
  GetPolicyRequest,
  GetPolicyResponse,
  PolicyService,
} from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { TAGS } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import type { Handlers } from '@vouch/proto/wire/grpc.ts'
import type { Fleet, Logger } from '../ports.ts'
import { unary } from './unary.ts'

/** What GetPolicy needs. */
export interface PolicyDeps {
  readonly fleet: Fleet
  readonly signer: Signer
  readonly logger: Logger
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

/** Handlers of PolicyService. */
export function policyHandlers(deps: PolicyDeps): Handlers<(typeof PolicyService)['method']> {
  return { getPolicy: unary((request: GetPolicyRequest) => getPolicy(request, deps), deps.logger) }
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
