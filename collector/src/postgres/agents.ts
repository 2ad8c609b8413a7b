import type { Pool } from 'pg'
import { POLICY_COLUMNS, POLICY_IN_FORCE, policyOf } from './policies.ts'
import type { PolicyRow } from './policies.ts'
import { isFaultCode } from '@vouch/proto/kernel/fault.ts'
import type {
  AgentFilter,
  AgentKeyState,
  AgentPull,
  AgentRecord,
  AgentState,
  AgentSummary,
} from '../fleet/ports.ts'

interface KeyRow extends PolicyRow {
  readonly agent_id: Buffer
  readonly resource: string
  readonly state: AgentState
  readonly reason: string
  readonly key_id: Buffer
  readonly public_key: Buffer
  readonly retired_ms: string | null
}

const MILLISECONDS = (column: string) => `floor(extract(epoch FROM ${column}) * 1000)::bigint`

/** Agents with all of their keys, in the order asked for; undefined = not enrolled here. */
export async function readAgents(
  pool: Pool,
  agentIds: readonly Uint8Array[],
): Promise<(AgentRecord | undefined)[]> {
  const { rows } = await pool.query<KeyRow>(
    `SELECT a.agent_id, a.resource, a.state, a.reason, k.key_id, k.public_key,
       ${MILLISECONDS('k.retired_at')} AS retired_ms, ${POLICY_COLUMNS}
     FROM fleet.agents a JOIN fleet.agent_keys k USING (agent_id) ${POLICY_IN_FORCE} WHERE a.agent_id = ANY($1)`,
    [agentIds.map((id) => Buffer.from(id))],
  )
  const byAgent = Map.groupBy(rows, (row) => row.agent_id.toString('hex'))
  return agentIds.map((id) => recordOf(byAgent.get(id.toHex())))
}

function recordOf(rows: readonly KeyRow[] = []): AgentRecord | undefined {
  const [first] = rows
  if (first === undefined) return undefined
  const keys = rows.map((row): [string, AgentKeyState] => [
    row.key_id.toString('hex'),
    {
      publicKey: new Uint8Array(row.public_key),
      retiredMs: row.retired_ms === null ? undefined : Number(row.retired_ms),
    },
  ])
  const { resource, state, reason } = first
  return { resource, state, reason, keys: new Map(keys), policy: policyOf(first) }
}

interface SummaryRow {
  readonly agent_id: Buffer
  readonly label: string
  readonly resource: string
  readonly agent_group: string
  readonly agent_version: string
  readonly state: AgentState
  readonly reason: string
  readonly enrolled_ms: string
  readonly last_seen_ms: string | null
  readonly silent_ms: string | null
  readonly heard_ms: string | null
  readonly collector: string
  readonly address: string
  readonly run_id: Buffer
  readonly last_sequence: string
  readonly clock_offset_ms: string | null
  readonly newest_ms: string | null
  readonly lag_ms: string | null
  readonly spooled_batches: string | null
  readonly spooled_bytes: string
  readonly oldest_ms: string | null
  readonly stopped: boolean
  readonly policy_version: string | null
  readonly pull_address: string | null
  readonly pull_alive: boolean
  readonly pull_connected: boolean
  readonly pull_code: string
  readonly pull_message: string
  readonly pull_ms: string
}

/** Agents by time of enrolment. */
export async function listAgents(
  pool: Pool,
  limit: number,
  filter: AgentFilter = {},
): Promise<AgentSummary[]> {
  const { rows } = await pool.query<SummaryRow>(
    `SELECT agent_id, label, resource, agent_group, COALESCE(NULLIF(s.agent_version, ''), a.agent_version) AS agent_version, state, reason,
       ${MILLISECONDS('enrolled_at')} AS enrolled_ms, ${MILLISECONDS('last_seen_at')} AS last_seen_ms,
       ${MILLISECONDS('silent_since')} AS silent_ms, ${MILLISECONDS('heard_at')} AS heard_ms,
       ${MILLISECONDS('newest_reading_at')} AS newest_ms, ${MILLISECONDS('spool_oldest_at')} AS oldest_ms,
       ${MILLISECONDS('(now() - newest_reading_at)')} AS lag_ms, collector, s.address, run_id, last_sequence,
       clock_offset_ms, spooled_batches, spooled_bytes, stopped, policy_version, p.address AS pull_address, connected AS pull_connected,
       fault_code AS pull_code, fault_message AS pull_message, ${MILLISECONDS('changed_at')} AS pull_ms,
       EXISTS (SELECT FROM fleet.pull_holders h WHERE h.holder = p.holder AND alive_until > now()) AS pull_alive
     FROM fleet.agents a LEFT JOIN fleet.agent_status s USING (agent_id) LEFT JOIN fleet.pulls p USING (agent_id)
     WHERE ($2::bytea IS NULL OR agent_id = $2) AND ($3::text IS NULL OR state = $3)
       AND ($4::boolean IS NULL OR (silent_since IS NOT NULL) = $4)
       AND ($5::boolean IS NULL OR (state = 'active' AND EXISTS (
         SELECT FROM fleet.agents o WHERE o.resource = a.resource AND o.state = 'active' AND o.agent_id <> a.agent_id)) = $5)
     ORDER BY enrolled_at, agent_id LIMIT $1`,
    [
      limit,
      filter.agentId === undefined ? null : Buffer.from(filter.agentId),
      filter.state ?? null,
      filter.silent ?? null,
      filter.shared ?? null,
    ],
  )
  return rows.map((row) => ({
    agentId: row.agent_id.toString('hex'),
    label: row.label,
    resource: row.resource,
    group: row.agent_group,
    agentVersion: row.agent_version,
    state: row.state,
    reason: row.reason,
    enrolledMs: Number(row.enrolled_ms),
    lastSeenMs: numeric(row.last_seen_ms),
    silentSinceMs: numeric(row.silent_ms),
    pull: row.pull_address === null ? undefined : pullOf(row, row.pull_address),
    status: row.heard_ms === null ? undefined : statusOf(row, Number(row.heard_ms)),
  }))
}

function statusOf(row: SummaryRow, heardMs: number): AgentSummary['status'] {
  return {
    heardMs,
    collector: row.collector,
    address: row.address,
    runId: row.run_id.toString('hex'),
    lastSequence: BigInt(row.last_sequence),
    policyVersion: row.policy_version === null ? undefined : BigInt(row.policy_version),
    clockOffsetMs: numeric(row.clock_offset_ms),
    newestReadingMs: numeric(row.newest_ms),
    lagMs: numeric(row.lag_ms),
    spool:
      row.spooled_batches === null
        ? undefined
        : {
            batches: BigInt(row.spooled_batches),
            bytes: BigInt(row.spooled_bytes),
            oldestMs: numeric(row.oldest_ms),
          },
    stopped: row.stopped,
  }
}

function pullOf(row: SummaryRow, address: string): AgentPull {
  const { pull_alive, pull_connected, pull_code, pull_message, pull_ms } = row
  const about = { address, sinceMs: Number(pull_ms) }
  if (pull_alive && pull_connected) return { ...about, state: 'connected', message: '' }
  if (pull_alive && isFaultCode(pull_code)) return { ...about, state: pull_code, message: pull_message }
  return { ...about, state: 'waiting', message: '' }
}

function numeric(text: string | null): number | undefined {
  return text === null ? undefined : Number(text)
}
