import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Failure, FaultCode } from '@vouch/proto/kernel/fault.ts'

/** SQLSTATEs that mean more than "not available". Source: PostgreSQL docs, appendix A. */
const STATES: Readonly<Record<string, FaultCode>> = {
  '25006': 'STORE_READ_ONLY', // read_only_sql_transaction
  '53100': 'DISK_FULL', // disk_full
  '23505': 'ALREADY_EXISTS', // unique_violation
}
/** Classes of the caller's own making: a wrong statement is a defect, not an outage. */
const DEFECT = /^(22|23|42)/

/** Translates whatever the driver or server throws; a defect of ours is thrown on. */
export function databaseFault(error: unknown): Failure {
  const state = stateOf(error)
  const known = STATES[state]
  if (known === undefined && DEFECT.test(state)) throw error
  const message = error instanceof Error ? error.message : String(error)
  return fail(known ?? 'STORE_UNAVAILABLE', `PostgreSQL: ${message}`)
}

function stateOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
