import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { DAY_MS, formatDay } from '@vouch/proto/seal/day.ts'
import { DayChecker } from './audit/check-days.ts'
import type { DaySources } from './audit/check-days.ts'
import { compareWithExport, readExport } from './audit/day-export.ts'
import { Findings } from './audit/findings.ts'
import { checkAllBatches } from './clickhouse/audit-batches.ts'
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
}

/**
 * Recomputes everything that is signed from what is stored; says what was checked. Throws a FaultError:
 * PROOF_MISMATCH with every item that was changed, removed or added; PROOF_MALFORMED for the export; STORE_….
 */
export async function checkArchive(options: CheckOptions): Promise<string> {
  const { queries, database, against, readings } = options
  const findings = new Findings()
  const kept = against === undefined ? undefined : readExport(against)
  const batches = await checkAllBatches(queries, database, findings)
  const days = await storedDays(queries, database)
  const checker = new DayChecker(options, findings)
  for (const day of days) await checker.check(day)
  const last = days.at(-1)
  const closed = new Set(days.map(({ startMs }) => startMs))
  for (const day of await leafDays(queries, database)) {
    // Leaves after the last root are those of a day that is being closed.
    if (last === undefined || day.startMs > last.startMs) continue
    if (!closed.has(day.startMs))
      findings.add(`day ${formatDay(day.startMs)}`, `has ${day.batches} leaves, and no root any more`)
    await checkLeaves(queries, database, day, findings)
  }
  if (last !== undefined) await checkCovered(queries, database, last.startMs + DAY_MS, findings)
  if (kept !== undefined) await compareWithExport(days, kept, options, findings)
  const rows = readings ? await checkReadings(queries, database, findings) : undefined
  if (findings.count > 0) {
    const items = findings.count === 1 ? '1 item does' : `${findings.count} items do`
    return throwFault('PROOF_MISMATCH', `${items} not fit\n${findings.text().trimEnd()}`)
  }
  return [
    `${batches} batches: digests, bodies, signatures and chains fit.`,
    `${days.length} days: leaves, roots, chain and signatures fit.`,
    ...(kept === undefined
      ? []
      : [`${kept.days.length} days of the export are stored as they were exported.`]),
    ...(rows === undefined ? [] : [`${rows} readings are what the signed bodies say.`]),
    '',
  ].join('\n')
}
