import type { ClickHouseClient } from '@clickhouse/client'
import { LossReason } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { Hex } from '../ports.ts'
import { storeFault } from './fault.ts'

/** LOSS_REASON_SPOOL_CORRUPT, as the table has it. */
const SPOOL_CORRUPT: number = LossReason.SPOOL_CORRUPT

/**
 * Agents with two batches under one sequence of a run, two that follow one digest, or two beginnings of which
 * neither admits that the spool was lost, among those received since. A batch that was set aside for a broken
 * chain proves nothing. Faults: STORE_UNAVAILABLE.
 */
export async function findForks(
  client: ClickHouseClient,
  database: string,
  agentIds: readonly Hex[],
  sinceMs: number,
): Promise<Result<readonly Hex[]>> {
  const agents = 'agent IN (SELECT toFixedString(unhex(arrayJoin({agents:Array(String)})), 16))'
  const recent = `SELECT agent, run, sequence, previous, digest FROM ${database}.batches
    WHERE ${agents} AND received >= fromUnixTimestamp64Milli({since:Int64}) AND (agent, run, sequence) GLOBAL NOT IN
      (SELECT agent, run, sequence FROM ${database}.quarantine WHERE ${agents} AND code = 'CHAIN_BROKEN')`
  // Who admits that its spool was lost follows nothing, and has begun before.
  const begunAnew = `SELECT agent, run, sequence FROM ${database}.losses
    WHERE ${agents} AND sequence = 1 AND reason = ${SPOOL_CORRUPT}`
  try {
    const result = await client.query({
      query: `SELECT DISTINCT lower(hex(agent)) AS id FROM (
          SELECT agent FROM (${recent}) GROUP BY agent, run, sequence HAVING uniqExact(digest) > 1
          UNION ALL
          SELECT agent FROM (${recent} AND (agent, run, sequence) GLOBAL NOT IN (${begunAnew}))
          GROUP BY agent, previous HAVING uniqExact(digest) > 1)`,
      query_params: { agents: agentIds, since: Math.max(0, Math.trunc(sinceMs)) },
      format: 'JSONEachRow',
    })
    return ok((await result.json<{ id: Hex }>()).map(({ id }) => id))
  } catch (error) {
    return storeFault(error)
  }
}
