import { throwFault } from '@vouch/proto/kernel/fault.ts'
import type { Pool, PoolClient } from 'pg'
import type { PolicyEntry, PolicyInput, PolicyRecord } from '../fleet/ports.ts'

/** A policy as the database has it; of a left join, all may be null. */
export interface PolicyRow {
  readonly version: string | null
  readonly cadence_ms: number
  readonly batch_interval_ms: number
  readonly sources: string[]
  readonly dimensions: string[]
  readonly spool_bytes_max: string
  readonly spool_age_max_ms: string
  readonly valid_ms: string
}

/** Columns of a policy. */
export const POLICY_COLUMNS =
  'p.version, p.cadence_ms, p.batch_interval_ms, p.sources, p.dimensions, p.spool_bytes_max, p.spool_age_max_ms, p.valid_ms'

/** The policy in force for each agent `a`. */
export const POLICY_IN_FORCE = `LEFT JOIN LATERAL (SELECT * FROM fleet.policies f WHERE f.agent_group = a.agent_group
  ORDER BY f.version DESC LIMIT 1) p ON true`

/** Reads a row. */
export function policyOf(row: PolicyRow): PolicyRecord | undefined {
  if (row.version === null) return undefined
  return {
    version: BigInt(row.version),
    cadenceMs: row.cadence_ms,
    batchIntervalMs: row.batch_interval_ms,
    sources: row.sources,
    dimensions: row.dimensions,
    spoolBytesMax: BigInt(row.spool_bytes_max),
    spoolAgeMaxMs: BigInt(row.spool_age_max_ms),
    validMs: Number(row.valid_ms),
  }
}

/** Puts a policy in force for a group, under the next version. Versions become visible in their order. */
export async function setPolicy(client: PoolClient, input: PolicyInput): Promise<bigint> {
  const { group, policy, by, reason } = input
  return insert(
    client,
    `SELECT $1, $2::integer, $3::integer, $4::text[], $5::text[], $6::bigint, $7::bigint, $8::bigint, $9, $10`,
    [
      group,
      policy.cadenceMs,
      policy.batchIntervalMs,
      policy.sources,
      policy.dimensions,
      policy.spoolBytesMax,
      policy.spoolAgeMaxMs,
      policy.validMs,
      by,
      reason,
    ],
  )
}

/** Moves an agent to a group, whose policy is issued again so that the agent takes it. Throws AGENT_UNKNOWN. */
export async function moveAgent(
  client: PoolClient,
  agentId: Uint8Array,
  group: string,
  by: string,
): Promise<void> {
  const { rowCount } = await client.query('UPDATE fleet.agents SET agent_group = $2 WHERE agent_id = $1', [
    Buffer.from(agentId),
    group,
  ])
  if (rowCount === 0) throwFault('AGENT_UNKNOWN', `no agent ${agentId.toHex()} is enrolled here`)
  await insert(
    client,
    `SELECT agent_group, cadence_ms, batch_interval_ms, sources, dimensions, spool_bytes_max, spool_age_max_ms, valid_ms, $2, $3
     FROM (SELECT * FROM fleet.policies WHERE agent_group = $1 ORDER BY version DESC LIMIT 1) newest`,
    [group, by, `agent ${agentId.toHex()} joined`],
  )
}

async function insert(client: PoolClient, values: string, parameters: readonly unknown[]): Promise<bigint> {
  await client.query('LOCK TABLE fleet.policies IN EXCLUSIVE MODE')
  const { rows } = await client.query<{ version: string }>(
    `INSERT INTO fleet.policies (version, agent_group, cadence_ms, batch_interval_ms, sources, dimensions, spool_bytes_max,
       spool_age_max_ms, valid_ms, set_by, reason)
     SELECT (SELECT COALESCE(max(version), 0) + 1 FROM fleet.policies), v.* FROM (${values}) v RETURNING version`,
    [...parameters],
  )
  return BigInt(rows[0]?.version ?? 0)
}

/** Policies, the newest first: those in force, or all there ever were. */
export async function listPolicies(pool: Pool, all: boolean, limit: number): Promise<PolicyEntry[]> {
  const { rows } = await pool.query<
    PolicyRow & { agent_group: string; set_by: string; reason: string; set_ms: string; agents: number }
  >(
    `SELECT ${POLICY_COLUMNS}, p.agent_group, p.set_by, p.reason,
       floor(extract(epoch FROM p.set_at) * 1000)::bigint AS set_ms,
       (SELECT count(*)::int FROM fleet.agents a WHERE a.agent_group = p.agent_group) AS agents
     FROM fleet.policies p
     WHERE $1 OR NOT EXISTS (SELECT 1 FROM fleet.policies n WHERE n.agent_group = p.agent_group AND n.version > p.version)
     ORDER BY p.version DESC LIMIT $2`,
    [all, limit],
  )
  return rows.map((row) => ({
    group: row.agent_group,
    agents: row.agents,
    policy: policyOf(row)!,
    setBy: row.set_by,
    reason: row.reason,
    setMs: Number(row.set_ms),
  }))
}
