import { DatabaseError } from 'pg'
import { FaultError, fail } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Failure } from '@vouch/proto/kernel/fault.ts'

/** What a broken constraint means, by the constraint's name. */
const CONSTRAINTS: Readonly<Record<string, Failure>> = {
  contract_overlap: fail('CONTRACT_OVERLAP', 'another contract of this account covers part of the period'),
  assignment_overlap: fail(
    'ASSIGNMENT_OVERLAP',
    'the resource, one above it or one below it is assigned for part of the period; end that assignment first',
  ),
  availability_overlap: fail('ALREADY_EXISTS', 'the availability of a part of the period is there already'),
  invoice_overlap: fail(
    'ALREADY_EXISTS',
    'another invoice of this account covers part of the period; discard it if it is a draft',
  ),
  journal_balance: fail('LEDGER_UNBALANCED', 'the entry does not sum to zero; nothing was posted'),
}

/** By SQLSTATE. Source: PostgreSQL documentation, appendix A. */
const STATES: Readonly<Record<string, Failure>> = {
  '23505': fail('ALREADY_EXISTS', 'the id is taken'),
  '25006': fail('STORE_READ_ONLY', 'PostgreSQL is read-only; point VOUCH_DATABASE_URL at the primary'),
  '53100': fail('DISK_FULL', "PostgreSQL's disk is full; free space, nothing was written"),
  '53300': fail('UNAVAILABLE', 'PostgreSQL has no connection left; send again after a pause'),
  '40001': fail('UNAVAILABLE', 'another write got in the way; send again'),
  '40P01': fail('UNAVAILABLE', 'another write got in the way; send again'),
  '55P03': fail('UNAVAILABLE', 'another write holds a lock for too long; send again'),
  '57014': fail('UNAVAILABLE', 'the statement took too long; send again, or ask for less'),
}

const UNREACHABLE = /^(?:08|57P|28|3D)/
const SYSTEM_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  'ENOENT',
  'EAI_AGAIN',
])
const DRIVER_MESSAGES = /Connection terminated|timeout exceeded when trying to connect|Client has encountered/

/** The fault behind an error of the driver or server; anything unexpected comes back as it is, to be thrown. */
export function translated(error: unknown): unknown {
  const fault = faultOf(error)
  return fault === undefined ? error : new FaultError(fault, { cause: error })
}

function faultOf(error: unknown): Fault | undefined {
  if (error instanceof DatabaseError) {
    const { code = '', constraint = '' } = error
    const failure = CONSTRAINTS[constraint] ?? STATES[code]
    if (failure !== undefined) return failure.fault
    return UNREACHABLE.test(code) ? unavailable(error.message) : undefined
  }
  if (!(error instanceof Error) || error instanceof FaultError) return undefined
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return SYSTEM_CODES.has(code) || DRIVER_MESSAGES.test(error.message)
    ? unavailable(error.message)
    : undefined
}

function unavailable(reason: string): Fault {
  return fail('STORE_UNAVAILABLE', `PostgreSQL does not answer (${reason}); check VOUCH_DATABASE_URL`).fault
}
