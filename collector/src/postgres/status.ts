import type { Pool } from 'pg'
import type { AgentState, FleetNews, FleetReport, FleetTotals, SilenceChange } from '../fleet/ports.ts'

/** Alarms raised in one statement; the rest follows with the next round. */
const ALARMS_MAX = 1_000

/**
 * Writes what a collector knows, in two statements however many agents there are. Times are told as ages and
 * kept by this server's clock, as collectors' clocks differ; rows are locked in one order, as they overlap.
 */
export async function writeReport(pool: Pool, report: FleetReport): Promise<FleetNews> {
  const { collector, nowMs, connected, observations } = report
  const ages = new Map(
    observations.map(({ agentId, heardMs }) => [agentId.toHex(), Math.max(0, nowMs - heardMs)]),
  )
  for (const agentId of connected) ages.set(agentId.toHex(), 0)
  if (ages.size === 0) return { agents: [], elsewhere: [] }
  const { rows } = await pool.query<{
    agent_id: Buffer
    state: AgentState
    keys: number
    policy: string
  }>(SEEN, [[...ages.keys()].map((id) => Buffer.from(id, 'hex')), [...ages.values()]])
  const agents = rows.map(({ agent_id, state, keys, policy }) => ({
    agentId: agent_id.toString('hex'),
    state,
    keys,
    policyVersion: BigInt(policy),
  }))
  if (observations.length === 0) return { agents, elsewhere: [] }
  const columns = [
    observations.map(({ agentId }) => Buffer.from(agentId)),
    observations.map(({ heardMs }) => Math.max(0, nowMs - heardMs)),
    observations.map(({ address }) => address),
    observations.map(({ agentVersion }) => agentVersion),
    observations.map(({ runId }) => Buffer.from(runId)),
    observations.map(({ lastSequence }) => lastSequence),
    observations.map(({ clockOffsetMs }) => clockOffsetMs ?? null),
    observations.map(({ newestReadingMs }) => newestReadingMs ?? null),
    observations.map(({ spool }) => spool?.batches ?? null),
    observations.map(({ spool }) => spool?.bytes ?? null),
    observations.map(({ spool }) => spool?.oldestMs ?? null),
    observations.map(({ stopped }) => stopped),
    observations.map(({ policyVersion }) => policyVersion ?? null),
  ]
  const elsewhere = await pool.query<{ agent_id: Buffer }>(OBSERVED, [collector, ...columns])
  return { agents, elsewhere: elsewhere.rows.map(({ agent_id }) => agent_id.toString('hex')) }
}

const SEEN = `WITH seen AS (SELECT * FROM unnest($1::bytea[], $2::float8[]) AS s (agent_id, age_ms)),
  locked AS (SELECT agent_id FROM fleet.agents WHERE agent_id = ANY($1) ORDER BY agent_id FOR NO KEY UPDATE)
  UPDATE fleet.agents a SET last_seen_at = GREATEST(a.last_seen_at, now() - s.age_ms * interval '1 millisecond')
  FROM seen s WHERE a.agent_id = s.agent_id AND a.agent_id IN (SELECT agent_id FROM locked)
  RETURNING a.agent_id, a.state, (SELECT count(*)::int FROM fleet.agent_keys k WHERE k.agent_id = a.agent_id) AS keys,
    (SELECT COALESCE(max(version), 0) FROM fleet.policies p WHERE p.agent_group = a.agent_group) AS policy`

const OBSERVED = `WITH news AS (
    SELECT n.* FROM unnest($2::bytea[], $3::float8[], $4::text[], $5::text[], $6::bytea[], $7::numeric[], $8::bigint[],
      $9::float8[], $10::bigint[], $11::bigint[], $12::float8[], $13::boolean[], $14::bigint[])
      AS n (agent_id, age_ms, address, agent_version, run_id, last_sequence, clock_offset_ms, newest_ms,
        spooled_batches, spooled_bytes, oldest_ms, stopped, policy_version)
    JOIN fleet.agents USING (agent_id) ORDER BY agent_id
  ), written AS (
    INSERT INTO fleet.agent_status AS s (agent_id, heard_at, collector, address, agent_version, run_id, last_sequence,
      clock_offset_ms, newest_reading_at, spooled_batches, spooled_bytes, spool_oldest_at, stopped, policy_version)
    SELECT agent_id, now() - age_ms * interval '1 millisecond', $1, address, agent_version, run_id, last_sequence,
      clock_offset_ms, to_timestamp(newest_ms / 1000), spooled_batches, spooled_bytes, to_timestamp(oldest_ms / 1000), stopped,
      policy_version
    FROM news
    ON CONFLICT (agent_id) DO UPDATE SET heard_at = EXCLUDED.heard_at, collector = EXCLUDED.collector,
      address = EXCLUDED.address, agent_version = EXCLUDED.agent_version, run_id = EXCLUDED.run_id,
      last_sequence = EXCLUDED.last_sequence, clock_offset_ms = EXCLUDED.clock_offset_ms,
      newest_reading_at = GREATEST(s.newest_reading_at, EXCLUDED.newest_reading_at),
      spooled_batches = EXCLUDED.spooled_batches, spooled_bytes = EXCLUDED.spooled_bytes,
      spool_oldest_at = EXCLUDED.spool_oldest_at, stopped = EXCLUDED.stopped,
      policy_version = EXCLUDED.policy_version
    WHERE s.heard_at <= EXCLUDED.heard_at
  )
  SELECT agent_id FROM fleet.agent_status s WHERE agent_id = ANY($2) AND s.collector <> $1
    AND s.heard_at > now() - interval '10 minutes'`

interface SilenceRow {
  readonly agent_id: Buffer
  readonly resource: string
  readonly state: AgentState
  readonly last_seen_ms: string | null
}

/** Raises and ends alarms. A row is changed, and so returned, to one of the collectors that look at once. */
export async function watchSilence(
  pool: Pool,
  afterMs: number,
): Promise<{ begun: readonly SilenceChange[]; over: readonly SilenceChange[] }> {
  const returning =
    'RETURNING a.agent_id, a.resource, a.state, floor(extract(epoch FROM a.last_seen_at) * 1000)::bigint AS last_seen_ms'
  const over = await pool.query<SilenceRow>(
    `UPDATE fleet.agents a SET silent_since = NULL
     WHERE silent_since IS NOT NULL AND (state <> 'active' OR last_seen_at >= silent_since) ${returning}`,
  )
  const begun = await pool.query<SilenceRow>(
    `WITH silent AS (
       SELECT agent_id FROM fleet.agents a LEFT JOIN fleet.agent_status s USING (agent_id)
       WHERE state = 'active' AND silent_since IS NULL AND NOT COALESCE(stopped, false)
         AND COALESCE(last_seen_at, enrolled_at) < now() - $1 * interval '1 millisecond'
       ORDER BY agent_id LIMIT ${ALARMS_MAX} FOR NO KEY UPDATE OF a)
     UPDATE fleet.agents a SET silent_since = now() FROM silent
     WHERE a.agent_id = silent.agent_id AND a.silent_since IS NULL ${returning}`,
    [afterMs],
  )
  return { begun: begun.rows.map(changeOf), over: over.rows.map(changeOf) }
}

function changeOf({ agent_id, resource, state, last_seen_ms }: SilenceRow): SilenceChange {
  const lastSeenMs = last_seen_ms === null ? undefined : Number(last_seen_ms)
  return { agentId: agent_id.toString('hex'), resource, state, lastSeenMs }
}

interface TotalsRow {
  readonly state: AgentState
  readonly agents: number
  readonly silent: number
  readonly lag_ms: number | null
  readonly offset_ms: string | null
}

/** Counts the fleet. */
export async function countAgents(pool: Pool): Promise<FleetTotals> {
  const live = "FILTER (WHERE state = 'active' AND silent_since IS NULL AND NOT stopped)"
  const { rows } = await pool.query<TotalsRow>(
    `SELECT state, count(*)::int AS agents, count(silent_since)::int AS silent,
       (max(extract(epoch FROM now() - newest_reading_at)) ${live} * 1000)::float8 AS lag_ms,
       max(abs(clock_offset_ms)) ${live} AS offset_ms
     FROM fleet.agents LEFT JOIN fleet.agent_status USING (agent_id) GROUP BY state`,
  )
  const shared = await pool.query<{ resources: number }>(
    `SELECT count(*)::int AS resources FROM (
       SELECT FROM fleet.agents WHERE state = 'active' GROUP BY resource HAVING count(*) > 1)`,
  )
  const agents = { active: 0, revoked: 0, quarantined: 0, decommissioned: 0 }
  for (const row of rows) agents[row.state] = row.agents
  const largest = (values: readonly (number | string | null)[]): number => Math.max(0, ...values.map(Number))
  return {
    agents,
    silent: rows.reduce((sum, { silent }) => sum + silent, 0),
    sharedResources: shared.rows[0]?.resources ?? 0,
    lagMaxMs: largest(rows.map(({ lag_ms }) => lag_ms)),
    clockOffsetMaxMs: largest(rows.map(({ offset_ms }) => offset_ms)),
  }
}
