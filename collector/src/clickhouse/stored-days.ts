import { DAY_MS, formatDay } from '@vouch/proto/seal/day.ts'
import type { StoredDay } from '../audit/day-store.ts'
import { DAY_COLUMNS, storedDay } from './day-store.ts'
import type { DayRow } from './day-store.ts'
import type { Queries } from './rows.ts'

/** More than a century of days. */
const DAYS_MAX = 40_000

/** Closed days, by their starts in epoch milliseconds, both included. */
export interface DayRange {
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
}

/** The closed days of a range in ascending order. */
export async function storedDays(
  queries: Queries,
  database: string,
  { fromMs, toMs }: DayRange = {},
): Promise<StoredDay[]> {
  const conditions = [
    ...(fromMs === undefined ? [] : ['day >= toDate({from:String})']),
    ...(toMs === undefined ? [] : ['day <= toDate({to:String})']),
  ]
  const rows = await queries.rows<DayRow>(
    `SELECT ${DAY_COLUMNS} FROM ${database}.audit_days FINAL WHERE ${conditions.join(' AND ') || 'true'}
    ORDER BY day, message LIMIT ${DAYS_MAX}`,
    {
      ...(fromMs === undefined ? {} : { from: formatDay(fromMs) }),
      ...(toMs === undefined ? {} : { to: formatDay(toMs) }),
    },
  )
  return rows.map((row) => storedDay(row))
}

/** Days that have leaves, by their starts, with the number of their rows. */
export async function leafDays(
  queries: Queries,
  database: string,
): Promise<{ readonly startMs: number; readonly batches: number }[]> {
  const rows = await queries.rows<{ start_ms: string; total: string }>(
    `SELECT toInt64(toUInt16(day)) * ${DAY_MS} AS start_ms, count() AS total FROM ${database}.audit_leaves
    GROUP BY day ORDER BY day LIMIT ${DAYS_MAX}`,
  )
  return rows.map(({ start_ms, total }) => ({ startMs: Number(start_ms), batches: Number(total) }))
}
