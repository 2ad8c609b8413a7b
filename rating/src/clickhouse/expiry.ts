import { type Result, fail, ok } from '@vouch/proto/kernel/fault.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { type RetentionEntry, classOf, expiredBeforeMs } from '../usage/expiry.ts'
import type { Stream } from '../usage/stream-usage.ts'
import { type Reader, type Row, integerOf } from './reader.ts'
import { retentionQuery } from './usage-query.ts'

const ENTRIES_MAX = 10_000

/** Refuses what can no longer be answered in full. */
export interface Expiry {
  /** Whether hours of the stream at the instant are all there. Faults: EVIDENCE_MISSING. */
  hoursAt(stream: Stream, atMs: number): Result<void>
  /** Whether readings of the stream at the instant are all there. Faults: EVIDENCE_MISSING. */
  readingsAt(stream: Stream, atMs: number): Result<void>
}

/** Reads what retention has been in force. Faults: STORE_UNAVAILABLE, OUT_OF_RANGE. */
export async function readExpiry(reader: Reader): Promise<Result<Expiry>> {
  const rows = await reader.rows(retentionQuery(ENTRIES_MAX + 1))
  if (!rows.ok) return rows
  if (rows.value.length > ENTRIES_MAX)
    return fail('OUT_OF_RANGE', `retention was changed more than ${ENTRIES_MAX} times`)
  const log = rows.value.map(entryOf)
  const nowMs = rows.value[0] === undefined ? 0 : integerOf(rows.value[0], 'nowMs')
  const known = new Map<string, number>()
  const check =
    (member: 'readingsDays' | 'hoursDays', what: string) =>
    ({ meter, resource }: Stream, atMs: number): Result<void> => {
      const name = classOf(meter)
      const key = `${member} ${name}`
      const beforeMs = known.get(key) ?? expiredBeforeMs(log, member, name, nowMs)
      known.set(key, beforeMs)
      if (atMs >= beforeMs) return ok(undefined)
      return fail(
        'EVIDENCE_MISSING',
        `${what} of ${meter} of ${resource} before ${formatInstant(beforeMs)} have expired, and one at ${formatInstant(atMs)} is needed; ask for a later period`,
      )
    }
  return ok({ hoursAt: check('hoursDays', 'hours'), readingsAt: check('readingsDays', 'readings') })
}

function entryOf(row: Row): RetentionEntry {
  const days = (column: string): Record<string, number> => {
    const map = row[column]
    if (typeof map !== 'object' || map === null) throw new Error(`column ${column} is not a map`)
    return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, Number(value)]))
  }
  return {
    atMs: integerOf(row, 'atMs'),
    applied: integerOf(row, 'applied') === 1,
    readingsDays: days('readings_days'),
    hoursDays: days('hours_days'),
  }
}
