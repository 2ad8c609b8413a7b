import type { ClickHouseClient } from '@clickhouse/client'
import { LossReason } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { Hex } from '../ports.ts'
import { storeFault } from './fault.ts'

/** LOSS_REASON_SPOOL_CORRUPT, as the table has it. */
const SPOOL_CORRUPT: number = LossReason.SPOOL_CORRUPT

/** When a batch was sealed, by its agent's clock. */
const SEALED = '(toUnixTimestamp64Milli(received) - clock_offset_ms)'
/**
 * Clocks of two collectors differ by less, and what was in flight has arrived, milliseconds. A batch that was sealed
 * later than the new beginning was not in flight.
 */
const CROSSING_MS = 10_000

/**
 * Agents with two batches under one sequence of a run, two that follow one digest, two beginnings of which neither
 * admits that the spool was lost, or one that follows a batch from before the spool was lost: a disk from then is
 * back. All among those received since. A batch that was set aside for a broken chain, and was not taken since,
 * proves nothing. Faults: STORE_UNAVAILABLE.
 */
export async function findForks(
  client: ClickHouseClient,
  database: string,
  agentIds: readonly Hex[],
  sinceMs: number,
): Promise<Result<readonly Hex[]>> {
  const agents = 'agent IN (SELECT toFixedString(unhex(arrayJoin({agents:Array(String)})), 16))'
  // The last reading of a batch whose readings were taken came before the batch itself.
  const recent = `SELECT agent, run, sequence, previous, digest, received, ${SEALED} AS sealed FROM ${database}.batches
    WHERE ${agents} AND received >= fromUnixTimestamp64Milli({since:Int64})
      AND (last_time != received OR (agent, run, sequence) GLOBAL NOT IN
        (SELECT agent, run, sequence FROM ${database}.quarantine WHERE ${agents} AND code = 'CHAIN_BROKEN'))`
  // Who admits that its spool was lost follows nothing, and has begun before.
  const begunAnew = `SELECT agent, run, sequence FROM ${database}.losses
    WHERE ${agents} AND sequence = 1 AND reason = ${SPOOL_CORRUPT}`
  // Of an insert between two months the first batch of a run may be stored after later ones.
  const lost = `SELECT agent, run AS new_run, min(received) AS begun, min(${SEALED}) AS sealed_anew FROM ${database}.batches
    WHERE ${agents} AND (agent, run) GLOBAL IN (SELECT agent, run FROM (${begunAnew}))
    GROUP BY agent, run HAVING countIf(sequence = 1 AND previous = toFixedString('', 32)) > 0`
  const crossing = `${recent} AND agent GLOBAL IN (SELECT agent FROM (${begunAnew}))`
  const followed = `SELECT agent, digest AS previous, min(received) AS followed FROM ${database}.batches
    WHERE ${agents} AND (agent, digest) GLOBAL IN (SELECT agent, previous FROM (${crossing})) GROUP BY agent, digest`
  try {
    const result = await client.query({
      query: `SELECT DISTINCT lower(hex(agent)) AS id FROM (
          SELECT agent FROM (${recent}) GROUP BY agent, run, sequence HAVING uniqExact(digest) > 1
          UNION ALL
          SELECT agent FROM (${recent} AND (agent, run, sequence) GLOBAL NOT IN (${begunAnew}))
          GROUP BY agent, previous HAVING uniqExact(digest) > 1
          UNION ALL
          SELECT c.agent AS agent FROM (${crossing}) AS c
          GLOBAL INNER JOIN (${followed}) AS f ON f.agent = c.agent AND f.previous = c.previous
          GLOBAL INNER JOIN (${lost}) AS l ON l.agent = c.agent
          WHERE f.followed < l.begun AND c.received > l.begun
            AND (c.sealed > l.sealed_anew OR c.received > l.begun + INTERVAL ${CROSSING_MS / 1_000} SECOND))`,
      query_params: { agents: agentIds, since: Math.max(0, Math.trunc(sinceMs)) },
      format: 'JSONEachRow',
    })
    return ok((await result.json<{ id: Hex }>()).map(({ id }) => id))
  } catch (error) {
    return storeFault(error)
  }
}
