import type { ClickHouseClient } from '@clickhouse/client'
import { LossReason } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { Hex } from '../ports.ts'
import { storeFault } from './fault.ts'

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
    WHERE ${agents} AND received >= fromUnixTimestamp64Milli({since:Int64}) AND (agent, run, sequence) NOT IN
      (SELECT agent, run, sequence FROM ${database}.quarantine WHERE ${agents} AND code = 'CHAIN_BROKEN')`
  try {
    const result = await client.query({
      query: `SELECT DISTINCT lower(hex(agent)) AS id FROM (
          SELECT agent FROM (${recent}) GROUP BY agent, run, sequence HAVING uniqExact(digest) > 1
          UNION ALL
          SELECT agent FROM (${recent}) WHERE previous != toFixedString('', 32)
          GROUP BY agent, previous HAVING uniqExact(digest) > 1
          UNION ALL
          SELECT agent FROM (${recent}) WHERE previous = toFixedString('', 32) AND sequence = 1
            AND (agent, run, sequence) NOT IN
              (SELECT agent, run, sequence FROM ${database}.losses WHERE ${agents} AND reason = {lost:UInt8})
          GROUP BY agent HAVING uniqExact(digest) > 1)`,
      query_params: {
        agents: agentIds,
        since: Math.max(0, Math.trunc(sinceMs)),
        lost: LossReason.SPOOL_CORRUPT,
      },
      format: 'JSONEachRow',
    })
    return ok((await result.json<{ id: Hex }>()).map(({ id }) => id))
  } catch (error) {
    return storeFault(error)
  }
}
