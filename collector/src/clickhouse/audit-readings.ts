import { setTimeout as sleep } from 'node:timers/promises'
import { STREAM_ID_BYTES, decodeBody } from '@vouch/proto/wire/body.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'
import { batchName } from '../audit/check-batch.ts'
import { Findings } from '../audit/findings.ts'
import type { Expiry } from '../retention/expiry.ts'
import { allRuns, batchPages } from './batch-pages.ts'
import type { BatchRow } from './batch-pages.ts'
import type { Queries } from './rows.ts'

/** Streams of one query: they are part of a URL on a server. */
const STREAMS_PER_QUERY = 100
const NAMED_MAX = 5
const STRAYS_MAX = 100

interface ReadingRow {
  readonly key: string
  readonly span: number
  readonly row: number
}

/**
 * Checks that the readings of `readings_v1` are those that the signed bodies say, and no others; collectors may
 * go on storing meanwhile. Gives their number.
 *
 * @param nowMs when the check began, epoch milliseconds.
 */
export async function checkReadings(
  queries: Queries,
  database: string,
  expiry: Expiry,
  nowMs: number,
  findings: Findings,
): Promise<number> {
  let [checked, lasting] = [0, 0]
  const settledMs = nowMs - SETTLING_MS
  const before = findings.count
  for await (const place of allRuns(queries, database)) {
    for await (const page of batchPages(queries, database, place, true)) {
      const followedMs = performance.now() + FOLLOWING_MS
      for (const batch of page) {
        const check = (into: Findings): Promise<readonly ReadingRow[]> =>
          checkBody(queries, database, batch, expiry.readingsMs, into)
        const isRecent = Number(batch.received_ms) >= settledMs
        const good = await (isRecent ? checkFollowed(check, followedMs, findings) : check(findings))
        checked += good.length
        if (Number(batch.received_ms) < settledMs)
          lasting += good.filter(({ key }) => timeOf(key) >= expiry.batchesMs).length
      }
    }
  }
  const settled = await countSettled(queries, database, expiry.batchesMs, settledMs)
  await nameStrays(queries, database, expiry.batchesMs, findings)
  if (settled !== lasting && findings.count === before)
    findings.add('readings', `${settled} rows are stored, and ${lasting} of them stand in a signed body`)
  return checked
}

/** Rows whose batch cannot have expired. */
const LASTING = `segment_last_time >= fromUnixTimestamp64Milli({expired:Int64}, 'UTC') AND time >= fromUnixTimestamp64Milli({expired:Int64}, 'UTC')`
/** What was received so long before a check is stored when it begins, whatever the clocks of collectors say. */
const SETTLING_MS = 60_000
/** Readings become durable after their batch: within this time, unless a collector died. */
const FOLLOWING_MS = 2_000

/** Rows that name a batch which was received by then. */
async function countSettled(
  queries: Queries,
  database: string,
  expired: number,
  settledMs: number,
): Promise<number> {
  const [row] = await queries.rows<{ total: string }>(
    `SELECT count() AS total FROM ${database}.readings_v1 WHERE ${LASTING} AND (run, sequence) GLOBAL IN (
      SELECT run, sequence FROM ${database}.batches WHERE received < fromUnixTimestamp64Milli({settledMs:Int64}, 'UTC'))`,
    { expired, settledMs },
  )
  return Number(row?.total ?? 0)
}

/** Looks again, at that time, where something is missing: readings follow their batch. */
async function checkFollowed(
  check: (into: Findings) => Promise<readonly ReadingRow[]>,
  followedMs: number,
  findings: Findings,
): Promise<readonly ReadingRow[]> {
  const first = new Findings()
  const good = await check(first)
  if (first.count === 0) return good
  await sleep(Math.max(0, followedMs - performance.now()))
  return check(findings)
}

/** Gives the stored rows that stand in this body; readings of before `expiredMs` may be gone. */
async function checkBody(
  queries: Queries,
  database: string,
  batch: BatchRow,
  expiredMs: number,
  findings: Findings,
): Promise<readonly ReadingRow[]> {
  const decoded = decodeBody(Uint8Array.fromHex(batch.body))
  // A body that cannot be decoded has no readings, and went to quarantine as a whole.
  if (!decoded.ok) return []
  const signed = signedRows(decoded.value)
  const stored = await storedRows(queries, database, batch, decoded.value)
  const byRow = new Map(stored.map((row) => [row.row, row.key]))
  // A row that is there once more stands in a segment that nobody signed.
  const firstOf = new Map(stored.map((row, at) => [row.row, at] as const).toReversed())
  const missing = signed.flatMap(({ key }, row) =>
    byRow.get(row) === key || timeOf(key) < expiredMs ? [] : [row],
  )
  if (missing.length === signed.length && signed.length > 0 && stored.length === 0) {
    if (!(await isAside(queries, database, batch)))
      findings.add(batchName(batch), `none of its ${signed.length} readings is stored`)
    return []
  }
  if (missing.length > 0)
    findings.add(batchName(batch), `its readings in ${rowList(missing)} are not stored as signed`)
  const wrong = stored.filter(
    ({ key, span, row }, at) =>
      signed[row]?.key !== key || signed[row].span !== span || firstOf.get(row) !== at,
  )
  if (wrong.length > 0)
    findings.add(
      batchName(batch),
      `the stored readings of ${rowList(wrong.map(({ row }) => row))} are not in its body`,
    )
  const bad = new Set(wrong)
  return stored.filter((row) => !bad.has(row))
}

function rowList(rows: readonly number[]): string {
  const named = rows.slice(0, NAMED_MAX).join(', ')
  const rest = rows.length - NAMED_MAX
  return `row${rows.length === 1 ? '' : 's'} ${named}${rest > 0 ? ` and ${rest} more` : ''}`
}

/** Epoch milliseconds of a reading's key. */
function timeOf(key: string): number {
  return Number(key.split(' ')[2])
}

/** The key and span of every signed reading, row by row. */
function signedRows(columns: Columns): { readonly key: string; readonly span: number }[] {
  const rows: { readonly key: string; readonly span: number }[] = []
  for (const [segment, length] of columns.segmentRows.entries()) {
    const stream = streamName(columns, columns.segmentStream[segment]!)
    const epoch = columns.segmentEpoch[segment]!
    for (let count = 0; count < length; count++) {
      const at = rows.length
      const key = `${stream} ${epoch} ${columns.timeMs[at]} ${columns.register[at]}`
      rows.push({ key, span: columns.spanMs[at]! })
    }
  }
  return rows
}

function streamName({ streamIds }: Columns, index: number): string {
  return streamIds.subarray(index * STREAM_ID_BYTES, (index + 1) * STREAM_ID_BYTES).toHex()
}

/** The stored readings that name a batch, by way of the body's streams and times. */
async function storedRows(
  queries: Queries,
  database: string,
  { run, sequence }: BatchRow,
  columns: Columns,
): Promise<ReadingRow[]> {
  const { timeMs, streamIds } = columns
  if (timeMs.length === 0) return []
  const [first, last] = timeMs.reduce(
    ([low, high], time) => [time < low ? time : low, time > high ? time : high],
    [timeMs[0]!, timeMs[0]!],
  )
  const streams = Array.from({ length: streamIds.length / STREAM_ID_BYTES }, (_, i) => streamName(columns, i))
  const rows: ReadingRow[] = []
  for (let from = 0; from < streams.length; from += STREAMS_PER_QUERY) {
    const part = await queries.rows<ReadingRow>(
      `SELECT concat(lower(hex(r.stream)), ' ', toString(r.epoch), ' ', toString(toUnixTimestamp64Milli(r.time)), ' ',
        toString(r.register)) AS key, r.span_ms AS span, r.row AS row
      FROM ${database}.readings_v1 AS r
      WHERE r.stream IN (SELECT toFixedString(unhex(arrayJoin({streams:Array(String)})), 16))
        AND r.segment_last_time >= fromUnixTimestamp64Milli({first:Int64}, 'UTC')
        AND r.segment_first_time <= fromUnixTimestamp64Milli({last:Int64}, 'UTC')
        AND r.run = toFixedString(unhex({run:String}), 16) AND r.sequence = {sequence:UInt64}`,
      {
        streams: streams.slice(from, from + STREAMS_PER_QUERY),
        first: Number(first),
        last: Number(last),
        run,
        sequence,
      },
    )
    for (const row of part) rows.push(row)
  }
  return rows
}

/** Whether the readings of a batch were not taken, so that quarantine has them. */
async function isAside(queries: Queries, database: string, batch: BatchRow): Promise<boolean> {
  const { agent, run, sequence, header } = batch
  const [row] = await queries.rows<{ total: string }>(
    `SELECT count() AS total FROM ${database}.quarantine WHERE agent = toFixedString(unhex({agent:String}), 16)
      AND run = toFixedString(unhex({run:String}), 16) AND sequence = {sequence:UInt64} AND header = unhex({header:String})`,
    { agent, run, sequence, header },
  )
  return row?.total !== '0'
}

/** Names rows whose batch is not stored, and does not follow either. */
async function nameStrays(
  queries: Queries,
  database: string,
  expired: number,
  findings: Findings,
): Promise<void> {
  const first = await strays(queries, database, expired)
  if (first.length === 0) return
  await sleep(FOLLOWING_MS)
  const named = new Set(first.map((stray) => placeOf(stray)))
  for (const stray of await strays(queries, database, expired)) {
    if (!named.has(placeOf(stray))) continue
    const { run_hex, sequence, total } = stray
    findings.add(
      'readings',
      `${total} name batch ${sequence} of run ${run_hex}, which is not stored: it was removed, or an older version was cut off before it stored it; usage that begins or ends with them is refused with EVIDENCE_MISSING`,
    )
  }
}

interface Stray {
  readonly run_hex: string
  readonly sequence: string
  readonly total: string
}

const placeOf = ({ run_hex, sequence }: Stray): string => `${run_hex} ${sequence}`

async function strays(queries: Queries, database: string, expired: number): Promise<Stray[]> {
  return queries.rows<Stray>(
    `SELECT lower(hex(run)) AS run_hex, sequence, count() AS total FROM ${database}.readings_v1
    WHERE ${LASTING} AND (run, sequence) GLOBAL NOT IN (SELECT run, sequence FROM ${database}.batches)
    GROUP BY run, sequence ORDER BY run, sequence LIMIT ${STRAYS_MAX}`,
    { expired },
  )
}
