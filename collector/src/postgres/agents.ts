import { throwFault } from '@vouch/proto/kernel/fault.ts'
import type { Pool } from 'pg'
import type { AgentKeyState, AgentRecord, AgentState, AgentSummary } from '../ports.ts'

interface KeyRow {
  readonly resource: string
  readonly state: AgentState
  readonly reason: string
  readonly key_id: Buffer
  readonly public_key: Buffer
  readonly retired_ms: string | null
}

const MILLISECONDS = (column: string) => `floor(extract(epoch FROM ${column}) * 1000)::bigint`

/** An agent with all of its keys. Throws AGENT_UNKNOWN. */
export async function readAgent(pool: Pool, agentId: Uint8Array): Promise<AgentRecord> {
  const { rows } = await pool.query<KeyRow>(
    `SELECT resource, state, reason, key_id, public_key, ${MILLISECONDS('retired_at')} AS retired_ms
     FROM fleet.agents JOIN fleet.agent_keys USING (agent_id) WHERE agent_id = $1`,
    [Buffer.from(agentId)],
  )
  const [first] = rows
  if (first === undefined)
    return throwFault('AGENT_UNKNOWN', 'no agent with this id is enrolled here; enrol the host')
  const keys = rows.map((row): [string, AgentKeyState] => [
    row.key_id.toString('hex'),
    {
      publicKey: new Uint8Array(row.public_key),
      retiredMs: row.retired_ms === null ? undefined : Number(row.retired_ms),
    },
  ])
  return { resource: first.resource, state: first.state, reason: first.reason, keys: new Map(keys) }
}

interface SummaryRow {
  readonly agent_id: Buffer
  readonly label: string
  readonly resource: string
  readonly agent_version: string
  readonly state: AgentState
  readonly reason: string
  readonly enrolled_ms: string
  readonly last_seen_ms: string | null
}

/** Agents by time of enrolment. */
export async function listAgents(pool: Pool, limit: number): Promise<AgentSummary[]> {
  const { rows } = await pool.query<SummaryRow>(
    `SELECT agent_id, label, resource, agent_version, state, reason,
       ${MILLISECONDS('enrolled_at')} AS enrolled_ms, ${MILLISECONDS('last_seen_at')} AS last_seen_ms
     FROM fleet.agents ORDER BY enrolled_at, agent_id LIMIT $1`,
    [limit],
  )
  return rows.map((row) => ({
    agentId: row.agent_id.toString('hex'),
    label: row.label,
    resource: row.resource,
    agentVersion: row.agent_version,
    state: row.state,
    reason: row.reason,
    enrolledMs: Number(row.enrolled_ms),
    lastSeenMs: row.last_seen_ms === null ? undefined : Number(row.last_seen_ms),
  }))
}
