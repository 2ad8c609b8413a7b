import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { PolicySchema, SignedPolicySchema } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import type { Policy, SignedPolicy } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import type { AgentConfig } from './config.ts'
import type { Logger } from './ports.ts'
import type { Spool } from './spool/spool.ts'
import { checkPolicy, samplingAt } from './delivery/policy.ts'
import type { Sampling } from './delivery/policy.ts'

/** What the keeper works with. */
export interface PolicyKeeperOptions {
  readonly config: AgentConfig
  readonly spool: Pick<Spool, 'meta' | 'setMeta'>
  /** Who signs policies. */
  readonly collectorPublicKey: Uint8Array
  readonly logger: Logger
  readonly wallMs: () => number
}

/** Takes policies, keeps the newest in the spool, and says what holds. */
export class PolicyKeeper {
  readonly #options: PolicyKeeperOptions
  /** The newest policy ever taken, also when it has expired: older ones are refused. */
  #newest: Policy | undefined
  #inForce = 0n

  constructor(options: PolicyKeeperOptions) {
    this.#options = options
    const kept = options.spool.meta('policy')
    if (kept !== undefined)
      this.#newest = fromBinary(PolicySchema, fromBinary(SignedPolicySchema, kept).policy)
  }

  /** Takes a policy if it is one to take and can be kept; says why not otherwise. */
  adopt(signed: SignedPolicy): void {
    const { collectorPublicKey, config, logger, spool, wallMs } = this.#options
    const newest = this.#newest
    const checked = checkPolicy(signed, collectorPublicKey, newest, wallMs())
    if (!checked.ok) {
      logger.warn({ code: checked.fault.code }, checked.fault.message)
      return
    }
    const policy = checked.value
    const kept = spool.setMeta('policy', toBinary(SignedPolicySchema, signed))
    if (!kept.ok) {
      logger.warn({ code: kept.fault.code }, `policy ${policy.version} cannot be kept and is not used`)
      return
    }
    this.#newest = policy
    if (policy.version !== newest?.version && policy.cadenceMs < config.cadenceMinMs)
      logger.warn(
        { cadenceMs: policy.cadenceMs, cadenceMinMs: config.cadenceMinMs },
        `policy ${policy.version} asks for looks more often than VOUCH_AGENT_CADENCE_MIN_MS allows; that is used instead`,
      )
  }

  /** What holds now: a policy expires between two looks. */
  now(): Sampling {
    const { config, logger, wallMs } = this.#options
    const sampling = samplingAt(this.#newest, config, wallMs())
    if (this.#inForce !== 0n && sampling.version === 0n)
      logger.warn({}, `policy ${this.#inForce} has expired; the settings of this agent hold`)
    this.#inForce = sampling.version
    return sampling
  }
}
