import { throwFault } from '@vouch/proto/kernel/fault.ts'
import type { Pool } from 'pg'
import type { PullRegistry, PullShare } from '../fleet/pull-ports.ts'
import type { AgentState } from '../fleet/ports.ts'
import { guarded, transaction } from './guarded.ts'

/** Agents taken in one round: the rest follows with the next ones. */
const TAKEN_MAX = 1_000
/** Rows of collectors that died are removed after a day. */
const FORGET = "interval '1 day'"

/** Any number, the same in every collector: shares are computed by one at a time, so that nobody takes too much. */
const LOCK = 7_061_003

const RENEW = `INSERT INTO fleet.pull_holders (holder, alive_until) VALUES ($1, now() + $2 * interval '1 millisecond')
  ON CONFLICT (holder) DO UPDATE SET alive_until = EXCLUDED.alive_until`

/** A share is rounded up, so that with shares all even nobody has a surplus. */
const SHARE = `SELECT p.of_all::int, p.mine::int, ceil(p.of_all::numeric / GREATEST(h.alive, 1))::int AS share
  FROM (SELECT count(*) AS of_all, count(*) FILTER (WHERE holder = $1) AS mine
        FROM fleet.pulls JOIN fleet.agents USING (agent_id) WHERE state = 'active') p,
       (SELECT count(*) AS alive FROM fleet.pull_holders WHERE alive_until > now()) h`

const TAKE = `UPDATE fleet.pulls SET holder = $1, connected = false, changed_at = now() WHERE agent_id IN (
    SELECT agent_id FROM fleet.pulls p JOIN fleet.agents USING (agent_id)
    WHERE state = 'active' AND NOT EXISTS (
      SELECT FROM fleet.pull_holders h WHERE h.holder = p.holder AND h.alive_until > now())
    ORDER BY agent_id LIMIT $2)`

/** Who dials which agent, on PostgreSQL. */
export function createPullRegistry(pool: Pool): PullRegistry {
  return {
    renew: (holder, leaseMs, roomMax) =>
      transaction(pool, async (client): Promise<PullShare> => {
        await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
        await client.query(RENEW, [holder, leaseMs])
        await client.query(`DELETE FROM fleet.pull_holders WHERE alive_until < now() - ${FORGET}`)
        const { rows } = await client.query<{ mine: number; share: number }>(SHARE, [holder])
        const { mine = 0, share = 0 } = rows[0] ?? {}
        const missing = Math.min(TAKEN_MAX, share - mine, roomMax - mine)
        if (missing > 0) await client.query(TAKE, [holder, missing])
        const held = await client.query<{ agent_id: Buffer; address: string; state: AgentState }>(
          'SELECT agent_id, address, state FROM fleet.pulls JOIN fleet.agents USING (agent_id) WHERE holder = $1',
          [holder],
        )
        const targets = held.rows.map(({ agent_id, address, state }) => ({
          agentId: agent_id.toString('hex'),
          address,
          state,
        }))
        return { targets, surplus: Math.max(0, mine - share) }
      }),
    note: (holder, states) =>
      guarded(async () => {
        await pool.query(
          `UPDATE fleet.pulls p SET connected = n.connected, fault_code = n.code, fault_message = n.message, changed_at = now()
           FROM unnest($2::bytea[], $3::boolean[], $4::text[], $5::text[]) AS n (agent_id, connected, code, message)
           WHERE p.agent_id = n.agent_id AND p.holder = $1`,
          [
            holder,
            states.map(({ agentId }) => Buffer.from(agentId, 'hex')),
            states.map(({ fault }) => fault === undefined),
            states.map(({ fault }) => fault?.code ?? ''),
            states.map(({ fault }) => fault?.message ?? ''),
          ],
        )
      }),
    release: (holder, agentIds) =>
      guarded(async () => {
        await pool.query(
          'UPDATE fleet.pulls SET holder = NULL, connected = false WHERE holder = $1 AND agent_id = ANY($2)',
          [holder, agentIds.map((id) => Buffer.from(id, 'hex'))],
        )
      }),
    leave: (holder) =>
      transaction(pool, async (client) => {
        await client.query('DELETE FROM fleet.pull_holders WHERE holder = $1', [holder])
        await client.query('UPDATE fleet.pulls SET holder = NULL, connected = false WHERE holder = $1', [
          holder,
        ])
      }),
    assign: (agentId, address) => guarded(() => assign(pool, agentId, address)),
  }
}

async function assign(pool: Pool, agentId: Uint8Array, address: string | undefined): Promise<void> {
  const id = Buffer.from(agentId)
  const { rowCount } =
    address === undefined
      ? await pool.query('DELETE FROM fleet.pulls WHERE agent_id = $1', [id])
      : await pool.query(
          `INSERT INTO fleet.pulls (agent_id, address)
           SELECT agent_id, $2 FROM fleet.agents WHERE agent_id = $1 AND state = 'active'
           ON CONFLICT (agent_id) DO UPDATE SET address = EXCLUDED.address, set_at = now(), connected = false,
             fault_code = '', fault_message = '', changed_at = now()`,
          [id, address],
        )
  if (rowCount !== 0) return
  const what = address === undefined ? 'no agent that is dialled has' : 'no active agent has'
  throwFault('AGENT_UNKNOWN', `${what} the id ${agentId.toHex()}`)
}
