import type { ClickHouseClient } from '@clickhouse/client'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { isUuid } from '@vouch/proto/kernel/id.ts'

const LIST_MAX = 1_000

/** Quarantined batches, newest first, one a line. */
export async function listQuarantine(client: ClickHouseClient, database: string): Promise<string> {
  const result = await client.query({
    query: `SELECT concat(toString(id), '  ', formatDateTime(received, '%FT%TZ'), '  agent ', lower(hex(agent)),
        '  sequence ', toString(sequence), '  ', code, ': ', message) AS line
      FROM ${database}.quarantine FINAL ORDER BY received DESC LIMIT ${LIST_MAX}`,
    format: 'JSONEachRow',
  })
  return (await result.json<{ line: string }>()).map(({ line }) => `${line}\n`).join('')
}

/** One quarantined batch as JSON, bytes as base64. Throws NOT_FOUND. */
export async function showQuarantine(
  client: ClickHouseClient,
  database: string,
  id: string,
): Promise<string> {
  if (!isUuid(id)) return throwFault('FIELD_INVALID', 'the id of a quarantined batch is a UUID')
  const result = await client.query({
    query: `SELECT toString(id) AS id, code, message, lower(hex(agent)) AS agent, lower(hex(run)) AS run,
        toString(sequence) AS sequence, peer, received, base64Encode(header) AS header, base64Encode(body) AS body,
        base64Encode(signature) AS signature, lower(hex(key_id)) AS key_id
      FROM ${database}.quarantine AS q FINAL WHERE q.id = {id:UUID}`,
    query_params: { id },
    format: 'JSONEachRow',
  })
  const [row] = await result.json<Record<string, string>>()
  return row === undefined
    ? throwFault('NOT_FOUND', `nothing in quarantine has the id ${id}`)
    : `${JSON.stringify(row, null, 2)}\n`
}
