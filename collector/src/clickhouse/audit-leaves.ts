import { DAY_MS, dayStart, formatDay } from '@vouch/proto/seal/day.ts'
import { batchName } from '../audit/check-batch.ts'
import type { Findings } from '../audit/findings.ts'
import { receivedDays } from './day-store.ts'
import { IN_SLICE, digestSlices } from './digest-slices.ts'
import type { DigestSlice } from './digest-slices.ts'
import type { Queries } from './rows.ts'

/** Digests of one follow-up question: they are part of a URL on a server. */
const ASKED_MAX = 100
const STRAYS_MAX = 10_000

/**
 * Checks that every leaf is a stored batch, unless its last reading is of before `expiredMs`. Gives the number of
 * batches that are gone for this reason.
 */
export async function checkLeaves(
  queries: Queries,
  database: string,
  day: { readonly startMs: number; readonly batches: number; readonly expiredMs: number },
  findings: Findings,
): Promise<number> {
  let gone = 0
  const own = {
    day: formatDay(day.startMs),
    from: day.startMs,
    to: day.startMs + DAY_MS,
    expired: day.expiredMs,
  }
  for (const slice of digestSlices(day.batches)) {
    const strays = await queries.rows<{ leaf: string }>(
      `SELECT lower(hex(digest)) AS leaf FROM (${absent(database)} HAVING NOT ${EXPIRED}) ORDER BY leaf LIMIT ${STRAYS_MAX}`,
      { ...own, ...slice },
    )
    const leaves = strays.map(({ leaf }) => leaf)
    const stored = await present(queries, `${database}.batches`, leaves)
    for (const leaf of leaves) {
      if (!stored.has(leaf))
        findings.add(`day ${own.day}`, `batch ${leaf} is under its root and not stored any more`)
    }
    if (day.expiredMs > 0) gone += await expiredLeaves(queries, database, { ...own, ...slice })
  }
  return gone
}

/** Leaves of a day and slice that are not among the batches of that day. */
function absent(database: string): string {
  return `SELECT digest FROM ${database}.audit_leaves WHERE day = toDate({day:String}) AND ${IN_SLICE}
    AND digest GLOBAL NOT IN (SELECT digest FROM ${database}.batches WHERE ${RECEIVED} AND ${IN_SLICE}) GROUP BY digest`
}

const EXPIRED = `max(last_time) < fromUnixTimestamp64Milli({expired:Int64}, 'UTC')`

async function expiredLeaves(
  queries: Queries,
  database: string,
  params: Readonly<Record<string, string | number>>,
): Promise<number> {
  const old = `${absent(database)} HAVING ${EXPIRED}`
  const [row] = await queries.rows<{ total: string }>(`SELECT count() AS total FROM (${old})`, params)
  if (row === undefined || row.total === '0') return 0
  // Of those, what came on an earlier day, or is pinned.
  const [kept] = await queries.rows<{ total: string }>(
    `SELECT uniqExact(digest) AS total FROM (
      SELECT digest FROM ${database}.batches WHERE received < fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND digest GLOBAL IN (${old})
      UNION ALL SELECT digest FROM ${database}.evidence WHERE digest GLOBAL IN (${old}))`,
    params,
  )
  return Number(row.total) - Number(kept?.total ?? 0)
}

const RECEIVED = `received >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND received < fromUnixTimestamp64Milli({to:Int64}, 'UTC')`

/** Checks that every batch received before the end of the last closed day is under a root. */
export async function checkCovered(
  queries: Queries,
  database: string,
  endMs: number,
  findings: Findings,
): Promise<void> {
  for (const { fromMs, count } of await receivedDays(queries, database, endMs)) {
    for (const slice of digestSlices(count))
      await checkCoveredSlice(queries, database, { fromMs, slice, endMs }, findings)
  }
}

async function checkCoveredSlice(
  queries: Queries,
  database: string,
  { fromMs, slice, endMs }: { readonly fromMs: number; readonly slice: DigestSlice; readonly endMs: number },
  findings: Findings,
): Promise<void> {
  const rows = await queries.rows<{ agent: string; run: string; sequence: string; leaf: string }>(
    `SELECT DISTINCT lower(hex(b.agent)) AS agent, lower(hex(b.run)) AS run, b.sequence AS sequence, lower(hex(b.digest)) AS leaf
    FROM ${database}.batches AS b WHERE ${RECEIVED} AND ${IN_SLICE} AND digest GLOBAL NOT IN
      (SELECT digest FROM ${database}.audit_leaves WHERE day = toDate({day:String}) AND ${IN_SLICE})
    ORDER BY leaf LIMIT ${STRAYS_MAX}`,
    { from: fromMs, to: Math.min(fromMs + DAY_MS, endMs), day: formatDay(dayStart(fromMs)), ...slice },
  )
  const under = await present(
    queries,
    `${database}.audit_leaves`,
    rows.map(({ leaf }) => leaf),
  )
  for (const row of rows) {
    if (!under.has(row.leaf))
      findings.add(
        batchName(row),
        `was received on ${formatDay(fromMs)}, which is closed, and is under no root`,
      )
  }
}

async function present(queries: Queries, table: string, digests: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>()
  for (let from = 0; from < digests.length; from += ASKED_MAX) {
    const rows = await queries.rows<{ leaf: string }>(
      `SELECT DISTINCT lower(hex(digest)) AS leaf FROM ${table}
      WHERE digest IN (SELECT toFixedString(unhex(arrayJoin({digests:Array(String)})), 32))`,
      { digests: digests.slice(from, from + ASKED_MAX) },
    )
    for (const { leaf } of rows) found.add(leaf)
  }
  return found
}
