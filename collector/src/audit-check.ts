import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { formatInstant } from '@vouch/proto/kernel/instant.ts'
import { DAY_MS, formatDay } from '@vouch/proto/seal/day.ts'
import { DayChecker } from './audit/check-days.ts'
import type { DaySources } from './audit/check-days.ts'
import { compareWithExport, readExport } from './audit/day-export.ts'
import { Findings } from './audit/findings.ts'
import { checkAllBatches } from './clickhouse/audit-batches.ts'
import { checkEvidence, storedExpiry } from './clickhouse/audit-expiry.ts'
import { checkCovered, checkLeaves } from './clickhouse/audit-leaves.ts'
import { checkReadings } from './clickhouse/audit-readings.ts'
import type { Queries } from './clickhouse/rows.ts'
import { leafDays, storedDays } from './clickhouse/stored-days.ts'

/** What is checked. */
export interface CheckOptions extends DaySources {
  readonly queries: Queries
  readonly database: string
  /** Text of an export that was kept elsewhere. */
  readonly against: string | undefined
  /** Whether the rows of readings are compared with the signed bodies. */
  readonly readings: boolean
  /** When it is checked, epoch milliseconds: what retention may have deleted by then is no finding. */
  readonly nowMs: number
}

/**
 * Recomputes everything that is signed from what is stored; says what was checked. Throws a FaultError:
 * PROOF_MISMATCH with every item that was changed, removed or added; PROOF_MALFORMED for the export; STORE_….
 */
export async function checkArchive(options: CheckOptions): Promise<string> {
  const { queries, database, against, readings, nowMs } = options
  const findings = new Findings()
  const kept = against === undefined ? undefined : readExport(against)
  const expiry = await storedExpiry(queries, database, nowMs)
  const batches = await checkAllBatches(queries, database, expiry.batchesMs, findings)
  const pinned = await checkEvidence(queries, database, findings)
  let [gone, goneDay] = [0, 0]
  const days = await storedDays(queries, database)
  const checker = new DayChecker(options, findings)
  for (const day of days) await checker.check(day)
  const last = days.at(-1)
  const closed = new Set(days.map(({ startMs }) => startMs))
  const withLeaves = await leafDays(queries, database)
  const closing = last === undefined ? withLeaves[0]?.startMs : last.startMs + DAY_MS
  for (const day of withLeaves) {
    // Leaves come before the root, of one day at a time: the first one after the last root may be in the making.
    if (day.startMs === closing) continue
    if (!closed.has(day.startMs))
      findings.add(`day ${formatDay(day.startMs)}`, `has ${day.batches} leaves, and no root any more`)
    const own = await checkLeaves(queries, database, { ...day, expiredMs: expiry.batchesMs }, findings)
    if (own > 0) goneDay = day.startMs
    gone += own
  }
  if (last !== undefined) await checkCovered(queries, database, last.startMs + DAY_MS, findings)
  if (kept !== undefined) await compareWithExport(days, kept, options, findings)
  const rows = readings ? await checkReadings(queries, database, expiry, nowMs, findings) : undefined
  if (findings.count > 0) {
    const items = findings.count === 1 ? '1 item does' : `${findings.count} items do`
    return throwFault('PROOF_MISMATCH', `${items} not fit\n${findings.text().trimEnd()}`)
  }
  return [
    `${batches} batches: digests, bodies, signatures and chains fit.`,
    ...(pinned === 0 ? [] : [`${pinned} rows of evidence: digests, bodies where kept, and signatures fit.`]),
    `${days.length} days: leaves, roots, chain and signatures fit.`,
    ...(kept === undefined
      ? []
      : [`${kept.days.length} days of the export are stored as they were exported.`]),
    ...(rows === undefined ? [] : [`${rows} readings are what the signed bodies say.`]),
    ...(gone === 0
      ? []
      : [
          `${gone} batches of days up to ${formatDay(goneDay)} are not stored any more, as the retention in force allowed: their leaves and roots were checked, their bytes were not.`,
        ]),
    ...(rows === undefined || expiry.readingsMs === 0
      ? []
      : [
          `Readings before ${formatInstant(expiry.readingsMs)} may have expired: those that are stored were checked.`,
        ]),
    '',
  ].join('\n')
}
