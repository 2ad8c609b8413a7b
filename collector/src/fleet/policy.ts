import { create, toBinary } from '@bufbuild/protobuf'
import { PolicySchema, SignedPolicySchema } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import type { SignedPolicy } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { TAGS } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import type { PolicyEntry, PolicyRecord } from './ports.ts'

/** The policy of a group for which none was set, version 0: an agent's own settings win over it. */
export const BUILT_IN: PolicyRecord = {
  version: 0n,
  cadenceMs: 10_000,
  batchIntervalMs: 60_000,
  sources: [],
  dimensions: [],
  spoolBytesMax: 256n * 1024n * 1024n,
  spoolAgeMaxMs: 30n * 86_400_000n,
  validMs: 7 * 86_400_000,
}

/** A policy as agents take it: signed, and expiring its time of validity from now. */
export function signPolicy(record: PolicyRecord, nowMs: number, signer: Signer): SignedPolicy {
  const { validMs, sources, dimensions, ...fields } = record
  const expiresMs = BigInt(nowMs + validMs)
  const lists = { sources: [...sources], dimensions: [...dimensions] }
  const policy = toBinary(PolicySchema, create(PolicySchema, { ...fields, ...lists, expiresMs }))
  return create(SignedPolicySchema, {
    policy,
    signature: signer.sign(TAGS.policy, policy),
    keyId: signer.keyId,
  })
}

/** Policies as text, one a line and the newest first, or as JSON. */
export function policyList(entries: readonly PolicyEntry[], json: boolean): string {
  if (json) {
    const text = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value)
    return `${JSON.stringify(entries, text, 2)}\n`
  }
  return entries
    .map(
      ({ group, agents, policy, setBy, reason, setMs }) =>
        `${policy.version} ${group} (${agents} agents): every ${policy.cadenceMs} ms, batch ${policy.batchIntervalMs} ms, ` +
        `sources ${policy.sources.join(',') || 'as configured'}, dimensions ${policy.dimensions.join(',') || 'as configured'}, spool ${policy.spoolBytesMax} B or ${policy.spoolAgeMaxMs} ms, ` +
        `valid ${policy.validMs} ms; ${setBy} at ${formatInstant(setMs)}${reason === '' ? '' : `: ${reason}`}\n`,
    )
    .join('')
}
