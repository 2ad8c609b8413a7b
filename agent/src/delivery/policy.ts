import { equals, fromBinary } from '@bufbuild/protobuf'
import { PolicySchema } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import type { Policy, SignedPolicy } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { TAGS, verify } from '@vouch/proto/seal/seal.ts'

/** The shortest cadence and batch interval that a policy or setting may ask for, milliseconds. */
export const INTERVAL_MIN_MS = 100

/** The longest, milliseconds. */
export const INTERVAL_MAX_MS = 3_600_000

/**
 * Checks a sampling policy: signed by the collector, not expired, within bounds, and newer than the newest that was
 * taken, or that one again with nothing but a later end. Faults: SIGNATURE_INVALID, OUT_OF_RANGE.
 */
export function checkPolicy(
  signed: SignedPolicy,
  collectorPublicKey: Uint8Array,
  newest: Policy | undefined,
  nowMs: number,
): Result<Policy> {
  if (!verify(TAGS.policy, signed.policy, signed.signature, collectorPublicKey)) {
    return fail(
      'SIGNATURE_INVALID',
      'a sampling policy is not signed by the collector that enrolled this agent',
    )
  }
  const policy = fromBinary(PolicySchema, signed.policy)
  if (newest !== undefined && policy.version <= newest.version && !isRenewal(policy, newest))
    return fail('OUT_OF_RANGE', `policy ${policy.version} is not newer than ${newest.version}, taken before`)
  if (policy.expiresMs <= BigInt(nowMs)) return fail('OUT_OF_RANGE', `policy ${policy.version} has expired`)
  const inBounds = [policy.cadenceMs, policy.batchIntervalMs].every(
    (ms) => ms >= INTERVAL_MIN_MS && ms <= INTERVAL_MAX_MS,
  )
  return inBounds
    ? ok(policy)
    : fail('OUT_OF_RANGE', `policy ${policy.version} asks for impossible intervals`)
}

function isRenewal(policy: Policy, newest: Policy): boolean {
  const { expiresMs } = policy
  return expiresMs > newest.expiresMs && equals(PolicySchema, policy, { ...newest, expiresMs })
}

/** What the agent samples by. */
export interface Sampling {
  /** Version of the policy in force; 0 = the agent's settings. */
  readonly version: bigint
  readonly cadenceMs: number
  readonly batchIntervalMs: number
  /** Names of the sources asked; undefined = all that are configured. */
  readonly sources: readonly string[] | undefined
  /** Attributes that streams carry; undefined = all that the settings choose. */
  readonly dimensions: readonly string[] | undefined
  /** Octets. */
  readonly spoolBytesMax: number
  readonly spoolAgeMaxMs: number
}

/** The agent's settings: what holds without a policy, and the bounds that no policy exceeds. */
export interface LocalLimits {
  readonly cadenceMs: number
  readonly batchIntervalMs: number
  readonly cadenceMinMs: number
  readonly spoolBytesMax: number
  readonly spoolAgeMaxMs: number
}

/**
 * What is in force at a time: the policy until it expires, within the local bounds (a bound of 0 asks for nothing), and
 * the settings without one.
 */
export function samplingAt(policy: Policy | undefined, local: LocalLimits, nowMs: number): Sampling {
  const { spoolBytesMax, spoolAgeMaxMs } = local
  if (policy === undefined || policy.expiresMs <= BigInt(nowMs)) {
    const { cadenceMs, batchIntervalMs } = local
    const everything = { sources: undefined, dimensions: undefined }
    return { version: 0n, cadenceMs, batchIntervalMs, ...everything, spoolBytesMax, spoolAgeMaxMs }
  }
  return {
    version: policy.version,
    cadenceMs: Math.max(policy.cadenceMs, local.cadenceMinMs),
    batchIntervalMs: policy.batchIntervalMs,
    sources: orAll(policy.sources),
    dimensions: orAll(policy.dimensions),
    spoolBytesMax: within(policy.spoolBytesMax, spoolBytesMax),
    spoolAgeMaxMs: within(policy.spoolAgeMaxMs, spoolAgeMaxMs),
  }
}

function orAll(names: readonly string[]): readonly string[] | undefined {
  return names.length === 0 ? undefined : names
}

function within(asked: bigint, local: number): number {
  return asked > 0n && asked < BigInt(local) ? Number(asked) : local
}
