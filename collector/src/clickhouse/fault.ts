import { FaultError, fail } from '@vouch/proto/kernel/fault.ts'
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
/** Answers that leave open whether the statement still runs: TIMEOUT_EXCEEDED, SOCKET_TIMEOUT, NETWORK_ERROR, UNKNOWN_STATUS_OF_INSERT. */
const UNDECIDED = new Set(['159', '209', '210', '319'])
const MESSAGE_CHARACTERS = 300

/** Translates whatever the driver, the engine or the file system throws at a query. */
export function storeFault(error: unknown): Failure {
  if (error instanceof FaultError) return { ok: false, fault: error.fault }
  const text = error instanceof Error ? [error.message, causeOf(error)].join(' ') : String(error)
  const code = /Code: (\d+)/.exec(text)?.[1] ?? codeOf(error)
  const noSpace = /ENOSPC|No space left on device/.test(text)
  const known = noSpace ? 'DISK_FULL' : CODES[code ?? '']
  return fail(known ?? 'STORE_UNAVAILABLE', `ClickHouse: ${text.slice(0, MESSAGE_CHARACTERS).trim()}`)
}

/** Whether what was thrown is the engine's word that a statement has failed, so that it does nothing more. */
export function isOver(error: unknown): boolean {
  const code = /Code: (\d+)/.exec(error instanceof Error ? error.message : '')?.[1] ?? codeOf(error) ?? ''
  return /^\d+$/.test(code) && !UNDECIDED.has(code)
}

function causeOf(error: Error): string {
  return error.cause instanceof Error ? error.cause.message : ''
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return String(error.code)
}
