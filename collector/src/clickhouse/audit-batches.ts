import { batchName, chainBreak, checkBatch } from '../audit/check-batch.ts'
import type { ChainBreak, StoredBatch } from '../audit/check-batch.ts'
import type { Findings } from '../audit/findings.ts'
import { allRuns, batchPages } from './batch-pages.ts'
import type { Queries } from './rows.ts'

const NO_DIGEST = '0'.repeat(64)
/** LOSS_REASON_SPOOL_CORRUPT: the agent admits that it has no digest to continue from. */
const SPOOL_CORRUPT = 3

/** Checks every stored batch against its signed bytes, and every run's chain; what ended before `expiredMs` may be gone. Gives the number of batches. */
export async function checkAllBatches(
  queries: Queries,
  database: string,
  expiredMs: number,
  findings: Findings,
): Promise<number> {
  let [count, agent] = [0, '']
  let keys: ReadonlyMap<string, Uint8Array> = new Map()
  for await (const place of allRuns(queries, database)) {
    if (place.agent !== agent) keys = await keysOf(queries, database, place.agent)
    agent = place.agent
    let before: StoredBatch | undefined
    for await (const page of batchPages(queries, database, place)) {
      for (const batch of page) {
        checkBatch(batch, keys.get(batch.key), findings)
        const broken = chainBreak(batch, before) ?? (await rootless(queries, database, batch))
        if (
          broken !== undefined &&
          !(await excused(queries, database, broken)) &&
          !(await expired(queries, database, batch.previous, expiredMs))
        )
          findings.add(batchName(batch), broken.problem)
        before = batch
        count += 1
      }
    }
  }
  return count
}

/** Public keys of an agent by key id. */
export async function keysOf(
  queries: Queries,
  database: string,
  agent: string,
): Promise<ReadonlyMap<string, Uint8Array<ArrayBuffer>>> {
  const rows = await queries.rows<{ key: string; public_key_hex: string }>(
    `SELECT lower(hex(key_id)) AS key, lower(hex(public_key)) AS public_key_hex FROM ${database}.agent_keys FINAL
    WHERE agent = toFixedString(unhex({agent:String}), 16)`,
    { agent },
  )
  return new Map(rows.map(({ key, public_key_hex }) => [key, Uint8Array.fromHex(public_key_hex)]))
}

/** The first batch of a run names the last one of the run before. */
async function rootless(
  queries: Queries,
  database: string,
  batch: StoredBatch,
): Promise<ChainBreak | undefined> {
  const { agent, previous } = batch
  if (batch.sequence !== '1' || previous === NO_DIGEST) return undefined
  const [row] = await queries.rows<{ total: string }>(
    `SELECT count() AS total FROM ${database}.batches
    WHERE agent = toFixedString(unhex({agent:String}), 16) AND digest = toFixedString(unhex({previous:String}), 32)`,
    { agent, previous },
  )
  if (row?.total !== '0') return undefined
  return { batch, problem: `continues batch ${previous}, which is not stored` }
}

/** A predecessor may be missing where retention allowed it; of all before it the leaves are checked. */
async function expired(
  queries: Queries,
  database: string,
  previous: string,
  expiredMs: number,
): Promise<boolean> {
  const [row] = await queries.rows<{ total: string; last_ms: string }>(
    `SELECT count() AS total, toUnixTimestamp64Milli(max(last_time)) AS last_ms FROM ${database}.audit_leaves
    WHERE digest = toFixedString(unhex({previous:String}), 32)`,
    { previous },
  )
  return row !== undefined && row.total !== '0' && Number(row.last_ms) < expiredMs
}

/** The chain may be broken where the collector said so when it took the batch, or the agent under its signature. */
async function excused(queries: Queries, database: string, { batch }: ChainBreak): Promise<boolean> {
  const { agent, run, sequence, header } = batch
  const place = `agent = toFixedString(unhex({agent:String}), 16) AND run = toFixedString(unhex({run:String}), 16)
      AND sequence = {sequence:UInt64}`
  const [row] = await queries.rows<{ aside: string; admitted: string }>(
    `SELECT (SELECT count() FROM ${database}.quarantine WHERE ${place} AND code IN ('SEQUENCE_GAP', 'CHAIN_BROKEN')
        AND header = unhex({header:String})) AS aside,
      (SELECT count() FROM ${database}.losses WHERE ${place} AND reason = ${SPOOL_CORRUPT}) AS admitted`,
    { agent, run, sequence, header },
  )
  return row?.aside !== '0' || (sequence === '1' && row.admitted !== '0')
}
