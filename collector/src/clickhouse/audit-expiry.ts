import { checkBatch } from '../audit/check-batch.ts'
import type { StoredBatch } from '../audit/check-batch.ts'
import type { Findings } from '../audit/findings.ts'
import { expiryOf } from '../retention/expiry.ts'
import type { Expiry } from '../retention/expiry.ts'
import { keysOf } from './audit-batches.ts'
import { batchColumns } from './batch-pages.ts'
import type { Queries } from './rows.ts'

const POLICIES_MAX = 10_000
const ROWS_PER_PAGE = 500

/** What may have expired by an instant, epoch milliseconds. */
export async function storedExpiry(queries: Queries, database: string, nowMs: number): Promise<Expiry> {
  const rows = await queries.rows<{
    at_ms: string
    applied: number
    readings: readonly number[]
    batches: number
  }>(
    `SELECT toUnixTimestamp64Milli(at) AS at_ms, applied, mapValues(readings_days) AS readings, batches_days AS batches
    FROM ${database}.retention_log ORDER BY at, applied LIMIT ${POLICIES_MAX}`,
  )
  const log = rows.map(({ at_ms, applied, readings, batches }) => ({
    atMs: Number(at_ms),
    applied: applied === 1,
    readingsDays: readings,
    batchesDays: batches,
  }))
  return expiryOf(log, nowMs)
}

/** Checks the batches that documents rest on where they are kept beside the others. Gives their rows. */
export async function checkEvidence(queries: Queries, database: string, findings: Findings): Promise<number> {
  let count = 0
  let keys: ReadonlyMap<string, Uint8Array> = new Map()
  let last: (StoredBatch & { readonly document: string }) | undefined
  for (;;) {
    const beyond =
      last === undefined
        ? ''
        : `WHERE (b.agent, b.run, b.sequence, b.digest, b.document) > (toFixedString(unhex({agent:String}), 16),
          toFixedString(unhex({run:String}), 16), {sequence:UInt64}, toFixedString(unhex({digest:String}), 32), {document:String})`
    const { agent = '', run = '', sequence = '', digest = '', document = '' } = last ?? {}
    const rows: (StoredBatch & { readonly document: string; readonly body_bytes: string })[] =
      await queries.rows(
        `SELECT ${batchColumns(false)}, length(b.body) AS body_bytes, b.document AS document FROM ${database}.evidence AS b FINAL ${beyond}
        ORDER BY b.agent, b.run, b.sequence, b.digest, b.document LIMIT ${ROWS_PER_PAGE}`,
        last === undefined ? {} : { agent, run, sequence, digest, document },
      )
    for (const row of rows) {
      if (row.agent !== last?.agent) keys = await keysOf(queries, database, row.agent)
      // One that only links the chain is kept without its body.
      const kept = row.body_bytes === '0' ? { ...row, body_digest: undefined } : row
      checkBatch(kept, keys.get(row.key), findings)
      last = row
      count += 1
    }
    if (rows.length < ROWS_PER_PAGE) return count
  }
}
