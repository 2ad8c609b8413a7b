import { type Result, fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { BatchPlace, EvidencePins, PinnedDocument } from '../rate/ports.ts'
import { type Reader, integerOf } from './reader.ts'
import { type Query, ids } from './usage-query.ts'

const PLACES_PER_QUERY = 500
const COLUMNS =
  'agent, run, sequence, digest, previous, key_id, header, signature, first_time, ' +
  'last_time, rows, received, clock_offset_ms, final, receipt, late_ms'

/** Pinned evidence in the collector's table `evidence`, copied from the archive inside the store. */
export function createPins(reader: Reader): EvidencePins {
  const copy = async (
    document: PinnedDocument,
    places: readonly BatchPlace[],
    withBody: boolean,
  ): Promise<Result<void>> => {
    for (let i = 0; i < places.length; i += PLACES_PER_QUERY) {
      const part = places.slice(i, i + PLACES_PER_QUERY)
      const copied = await reader.run(copyQuery(document, part, withBody))
      if (!copied.ok) return copied
      // A batch may have expired between being found and being copied.
      const counted = await reader.rows(countQuery(document, part, withBody))
      if (!counted.ok) return counted
      if (integerOf(counted.value[0] ?? {}, 'kept') < part.length)
        return fail('EVIDENCE_MISSING', `batches of document ${document.id} have left the archive meanwhile`)
    }
    return ok(undefined)
  }
  return {
    pin: async (document, full, links) => {
      const copied = await copy(document, full, true)
      return copied.ok ? copy(document, links, false) : copied
    },
  }
}

function inPlaces(places: readonly BatchPlace[]): string {
  const tuples = places.map(
    ({ agentId, runId, sequence, digest }) =>
      `(${ids([agentId])}, ${ids([runId])}, ${sequence}, ${ids([digest])})`,
  )
  return `(agent, run, sequence, digest) IN (${tuples.join(', ')})`
}

/** From the view: what another document holds is copied from there when the archive has it no more. */
function copyQuery(
  { id, retainUntilMs }: PinnedDocument,
  places: readonly BatchPlace[],
  withBody: boolean,
): Query {
  const sql =
    `INSERT INTO {database:Identifier}.evidence (${COLUMNS}, body, document, retain_until) ` +
    `SELECT ${COLUMNS}, ${withBody ? 'body' : "''"}, {document:String}, fromUnixTimestamp64Milli(${retainUntilMs}, 'UTC') ` +
    `FROM {database:Identifier}.batches_v1 WHERE ${inPlaces(places)}${withBody ? " AND body != ''" : ''} ` +
    // On a cluster a Distributed table would else answer before the rows are on their shard.
    'SETTINGS async_insert = 0, distributed_foreground_insert = 1'
  return { sql, params: { document: id } }
}

function countQuery(
  { id, retainUntilMs }: PinnedDocument,
  places: readonly BatchPlace[],
  withBody: boolean,
): Query {
  const sql =
    'SELECT uniqExact(agent, run, sequence, digest) AS kept FROM {database:Identifier}.evidence ' +
    `WHERE ${inPlaces(places)} AND document = {document:String} ` +
    `AND retain_until >= fromUnixTimestamp64Milli(${retainUntilMs}, 'UTC')${withBody ? " AND body != ''" : ''} ` +
    'SETTINGS output_format_json_quote_64bit_integers = 1'
  return { sql, params: { document: id } }
}
