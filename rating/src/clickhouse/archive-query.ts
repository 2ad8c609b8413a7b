import { type Query, ids } from './usage-query.ts'

const PLACE =
  'lower(hex(digest)) AS digestHex, lower(hex(agent)) AS agentId, lower(hex(run)) AS runId, sequence, ' +
  'lower(hex(previous)) AS previousHex, lower(hex(key_id)) AS keyId, toUnixTimestamp64Milli(last_time) AS lastMs'
const SETTINGS = 'SETTINGS output_format_json_quote_64bit_integers = 1'

/** Places of batches by digest. */
export function findQuery(digests: readonly string[]): Query {
  const sql =
    `SELECT ${PLACE} FROM {database:Identifier}.batches_v1 WHERE digest IN (${ids(digests)}) ` +
    `ORDER BY agent, run, sequence, digest ${SETTINGS}`
  return { sql, params: {} }
}

/** The place of each agent's newest batch. */
export function newestQuery(agents: readonly string[]): Query {
  const sql =
    `SELECT ${PLACE} FROM {database:Identifier}.batches_v1 WHERE agent IN (${ids(agents)}) ` +
    `ORDER BY agent, last_time DESC, run, sequence DESC, digest LIMIT 1 BY agent ${SETTINGS}`
  return { sql, params: {} }
}

/** Places of a run's batches with sequences strictly between two. */
export function betweenQuery(run: { agentId: string; runId: string }, after: bigint, before: bigint): Query {
  const sql =
    `SELECT ${PLACE} FROM {database:Identifier}.batches_v1 WHERE agent = ${ids([run.agentId])} ` +
    `AND run = ${ids([run.runId])} AND sequence > ${after} AND sequence < ${before} ORDER BY sequence, digest ${SETTINGS}`
  return { sql, params: {} }
}

/** Batches by place; bytes in base64. */
export function batchesQuery(
  places: readonly { agentId: string; runId: string; sequence: bigint; digest: string }[],
  withBody: boolean,
): Query {
  const tuples = places.map(
    ({ agentId, runId, sequence, digest }) =>
      `(${ids([agentId])}, ${ids([runId])}, ${sequence}, ${ids([digest])})`,
  )
  const sql =
    `SELECT lower(hex(digest)) AS digestHex, base64Encode(header) AS headerText, ${withBody ? 'base64Encode(body)' : "''"} AS bodyText, ` +
    'base64Encode(signature) AS signatureText, base64Encode(key_id) AS keyIdText FROM {database:Identifier}.batches_v1 ' +
    `WHERE (agent, run, sequence, digest) IN (${tuples.join(', ')}) ${SETTINGS}`
  return { sql, params: {} }
}

/** Definitions of streams by id. */
export function definitionsQuery(streamIds: readonly string[]): Query {
  const sql =
    'SELECT lower(hex(stream)) AS streamId, resource, meter, unit, kind, attributes ' +
    `FROM {database:Identifier}.streams_v1 WHERE stream IN (${ids(streamIds)}) ORDER BY stream ${SETTINGS}`
  return { sql, params: {} }
}

/** Public keys by agent and key id. */
export function keysQuery(keys: readonly { agentId: string; keyId: string }[]): Query {
  const tuples = keys.map(({ agentId, keyId }) => `(${ids([agentId])}, ${ids([keyId])})`)
  const sql =
    'SELECT lower(hex(agent)) AS agentId, lower(hex(key_id)) AS keyId, lower(hex(public_key)) AS publicKey ' +
    `FROM {database:Identifier}.agent_keys_v1 WHERE (agent, key_id) IN (${tuples.join(', ')}) ORDER BY agent, key_id ${SETTINGS}`
  return { sql, params: {} }
}
