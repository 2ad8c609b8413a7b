import type { Fault } from '@vouch/proto/kernel/fault.ts'

/** One thing that was looked at. */
export interface Check {
  readonly name: string
  readonly level: 'ok' | 'warn' | 'FAIL'
  readonly what: string
  /** What to do; absent where all is well. */
  readonly remedy?: string
}

/** A clock this far off is worth a word, and one that far off spoils the bill: milliseconds. */
const OFFSET_WARN_MS = 1000
const OFFSET_FAIL_MS = 60_000

/** A fault as what was met. */
export function failed(name: string, { code, message }: Fault, remedy?: string): Check {
  return { name, level: 'FAIL', what: `${code}: ${message}`, ...(remedy === undefined ? {} : { remedy }) }
}

/**
 * The collector's clock beside this host's.
 *
 * @param unsureMs how far the offset itself may be off.
 */
export function checkClock(clockOffsetMs: number, unsureMs = 0): Check {
  const name = 'clock'
  const offset = Math.abs(clockOffsetMs)
  const what = `the collector is ${offset} ms ${clockOffsetMs < 0 ? 'behind' : 'ahead'}`
  if (offset <= OFFSET_WARN_MS + unsureMs) return { name, level: 'ok', what }
  const level = offset > OFFSET_FAIL_MS ? 'FAIL' : 'warn'
  return { name, level, what, remedy: 'set the clock of the host that is wrong by NTP' }
}
