import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Failure, FaultCode } from '@vouch/proto/kernel/fault.ts'

/** Codes of the engine that mean more than "not available". Source: ClickHouse ErrorCodes.cpp. */
const CODES: Readonly<Record<string, FaultCode>> = {
  '164': 'STORE_READ_ONLY', // READONLY
  '242': 'STORE_READ_ONLY', // TABLE_IS_READ_ONLY
  '243': 'DISK_FULL', // NOT_ENOUGH_SPACE
  // All SQL of this version fits its own schema: what it names and does not find is of an older one.
  '16': 'STORE_OLDER_VERSION', // NO_SUCH_COLUMN_IN_TABLE
  '47': 'STORE_OLDER_VERSION', // UNKNOWN_IDENTIFIER
  '60': 'STORE_OLDER_VERSION', // UNKNOWN_TABLE
  '81': 'STORE_OLDER_VERSION', // UNKNOWN_DATABASE
}
const MESSAGE_CHARACTERS = 300

/** Translates whatever the driver, the engine or the file system throws at a query. */
export function storeFault(error: unknown): Failure {
  const text = error instanceof Error ? [error.message, causeOf(error)].join(' ') : String(error)
  const code = /Code: (\d+)/.exec(text)?.[1] ?? codeOf(error)
  const noSpace = /ENOSPC|No space left on device/.test(text)
  const known = noSpace ? 'DISK_FULL' : CODES[code ?? '']
  return fail(known ?? 'STORE_UNAVAILABLE', `ClickHouse: ${text.slice(0, MESSAGE_CHARACTERS).trim()}`)
}

function causeOf(error: Error): string {
  return error.cause instanceof Error ? error.cause.message : ''
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return String(error.code)
}
