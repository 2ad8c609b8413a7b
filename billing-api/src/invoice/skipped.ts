import { FaultError } from '@vouch/proto/kernel/fault.ts'
import type { FaultCode } from '@vouch/proto/kernel/fault.ts'

/** For whom something was not drawn, and why. */
export interface Skipped {
  readonly account: string
  readonly code: FaultCode
  readonly message: string
}

/** Faults of one account are its own; where a store or service is down, the whole run is: that is thrown. */
export function skippedOf(account: string, error: unknown): Skipped {
  if (!(error instanceof FaultError)) throw error
  const { code, message } = error.fault
  if (code === 'UNAVAILABLE' || code === 'STORE_UNAVAILABLE' || code === 'INTERNAL') throw error
  return { account, code, message }
}
