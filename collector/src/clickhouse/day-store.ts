import type { ClickHouseClient } from '@clickhouse/client'
import { create } from '@bufbuild/protobuf'
import { SignedDayRootSchema } from '@vouch/proto/gen/vouch/audit/v1/audit_pb.ts'
import { DAY_MS, formatDay } from '@vouch/proto/seal/day.ts'
import type { DayStore, StoredDay } from '../audit/day-store.ts'
import { IN_SLICE, digestSlices } from './digest-slices.ts'
import { createQueries } from './rows.ts'
import type { Queries } from './rows.ts'
import { insertSettings } from './topology.ts'
import type { Topology } from './topology.ts'

const PAGE_DIGESTS = 50_000
const RECEIVED = `received >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND received < fromUnixTimestamp64Milli({to:Int64}, 'UTC')`

/** Columns of a day as texts. */
export const DAY_COLUMNS = `toString(day) AS name, toInt64(toUInt16(day)) * ${DAY_MS} AS start_ms, batches, lower(hex(root)) AS root_hex,
  lower(hex(previous)) AS previous_hex, lower(hex(message)) AS message_hex, lower(hex(signature)) AS signature_hex,
  lower(hex(key_id)) AS key_hex`

/** A row of {@link DAY_COLUMNS}. */
export interface DayRow {
  readonly name: string
  readonly start_ms: string
  readonly batches: string
  readonly root_hex: string
  readonly previous_hex: string
  readonly message_hex: string
  readonly signature_hex: string
  readonly key_hex: string
}

/** Roots and leaves on ClickHouse. */
export function createDayStore(client: ClickHouseClient, database: string, topology: Topology): DayStore {
  const queries = createQueries(client)
  return {
    lastDay: async () => {
      const [row] = await queries.rows<DayRow>(
        `SELECT ${DAY_COLUMNS} FROM ${database}.audit_days ORDER BY day DESC LIMIT 1`,
      )
      return row === undefined ? undefined : storedDay(row)
    },
    firstReceivedMs: async () => {
      const [row] = await queries.rows<{ total: string; first_ms: string }>(
        `SELECT count() AS total, toUnixTimestamp64Milli(min(received)) AS first_ms FROM ${database}.batches`,
      )
      return row === undefined || row.total === '0' ? undefined : Number(row.first_ms)
    },
    collectLeaves: (startMs) => collectLeaves(queries, database, topology, startMs),
    leaves: (startMs) => leafPages(queries, database, startMs),
    addDay: async ({ startMs, batches, root, previous, signed }, closedMs) =>
      queries.command(
        `INSERT INTO ${database}.audit_days (day, batches, root, previous, message, signature, key_id, closed)
        SELECT toDate({day:String}), {batches:UInt64}, unhex({root:String}), unhex({previous:String}), unhex({message:String}),
          unhex({signature:String}), unhex({key:String}), fromUnixTimestamp64Milli({closed:Int64}, 'UTC') ${insertSettings(topology)}`,
        {
          day: formatDay(startMs),
          batches,
          root: root.toHex(),
          previous: previous.toHex(),
          message: signed.dayRoot.toHex(),
          signature: signed.signature.toHex(),
          key: signed.keyId.toHex(),
          closed: closedMs,
        },
      ),
  }
}

/** A day from its row. */
export function storedDay(row: DayRow): StoredDay {
  const bytes = (hex: string): Uint8Array<ArrayBuffer> => Uint8Array.fromHex(hex)
  return {
    startMs: Number(row.start_ms),
    batches: Number(row.batches),
    root: bytes(row.root_hex),
    // The first day has none before it, and the column is of fixed width.
    previous: /^0*$/.test(row.previous_hex) ? new Uint8Array() : bytes(row.previous_hex),
    signed: create(SignedDayRootSchema, {
      dayRoot: bytes(row.message_hex),
      signature: bytes(row.signature_hex),
      keyId: bytes(row.key_hex),
    }),
  }
}

/**
 * Day of arrival by day of arrival, and a slice of digests at a time: a batch received on a day is
 * under the root of that day or, where it was stored late, of a later one. So nearly all are found
 * under their own day, and only what is not there is looked for in the days after. On a cluster the leaves
 * must be on every shard before the root is computed over them.
 */
async function collectLeaves(
  queries: Queries,
  database: string,
  topology: Topology,
  startMs: number,
): Promise<void> {
  const endMs = startMs + DAY_MS
  for (const { fromMs, count } of await receivedDays(queries, database, endMs)) {
    const span = { from: fromMs, to: Math.min(fromMs + DAY_MS, endMs), own: formatDay(fromMs) }
    for (const slice of digestSlices(count)) {
      const params = { ...span, ...slice, day: formatDay(startMs) }
      if (fromMs < startMs && (await missingFromOwnDay(queries, database, params)) === 0) continue
      await queries.command(
        `INSERT INTO ${database}.audit_leaves (day, digest, last_time)
        SELECT DISTINCT toDate({day:String}), digest, last_time FROM ${database}.batches WHERE ${RECEIVED} AND ${IN_SLICE}
          AND digest GLOBAL NOT IN (SELECT digest FROM ${database}.audit_leaves
            WHERE day >= toDate({own:String}) AND day < toDate({day:String}) AND ${IN_SLICE}) ${insertSettings(topology)}`,
        params,
      )
    }
  }
}

/** Days on which batches were received before an instant, with the number of their rows. */
export async function receivedDays(
  queries: Queries,
  database: string,
  beforeMs: number,
): Promise<{ readonly fromMs: number; readonly count: number }[]> {
  const rows = await queries.rows<{ index: string; total: string }>(
    `SELECT intDiv(toUnixTimestamp64Milli(received), ${DAY_MS}) AS index, count() AS total FROM ${database}.batches
    WHERE received < fromUnixTimestamp64Milli({before:Int64}, 'UTC') GROUP BY index ORDER BY index`,
    { before: beforeMs },
  )
  return rows.map(({ index, total }) => ({ fromMs: Number(index) * DAY_MS, count: Number(total) }))
}

async function missingFromOwnDay(
  queries: Queries,
  database: string,
  params: { readonly from: number; readonly to: number; readonly own: string; low: string; high: string },
): Promise<number> {
  const [row] = await queries.rows<{ total: string }>(
    `SELECT count() AS total FROM ${database}.batches WHERE ${RECEIVED} AND ${IN_SLICE} AND digest GLOBAL NOT IN
      (SELECT digest FROM ${database}.audit_leaves WHERE day = toDate({own:String}) AND ${IN_SLICE})`,
    params,
  )
  return Number(row?.total ?? 0)
}

/** Digests under a day in ascending order, in pages. */
export async function* leafPages(
  queries: Queries,
  database: string,
  startMs: number,
): AsyncGenerator<readonly Uint8Array[]> {
  let after: string | undefined
  for (;;) {
    const beyond = after === undefined ? '' : 'AND digest > toFixedString(unhex({after:String}), 32)'
    const rows = await queries.rows<{ leaf: string }>(
      `SELECT lower(hex(digest)) AS leaf FROM (SELECT DISTINCT digest FROM ${database}.audit_leaves
        WHERE day = toDate({day:String}) ${beyond} ORDER BY digest LIMIT ${PAGE_DIGESTS})`,
      { day: formatDay(startMs), ...(after === undefined ? {} : { after }) },
    )
    if (rows.length > 0) yield rows.map(({ leaf }) => Uint8Array.fromHex(leaf))
    if (rows.length < PAGE_DIGESTS) return
    after = rows.at(-1)!.leaf
  }
}
