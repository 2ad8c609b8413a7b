import type { FaultCode } from '@vouch/proto/kernel/fault.ts'

/** Faults that no repetition mends: somebody has to act first. */
const FINAL: ReadonlySet<FaultCode> = new Set<FaultCode>([
  ...(['TOKEN_UNKNOWN', 'TOKEN_SPENT', 'TOKEN_EXPIRED', 'AGENT_UNKNOWN', 'AGENT_REVOKED'] as const),
  ...([
    'AGENT_QUARANTINED',
    'AGENT_DECOMMISSIONED',
    'KEY_UNKNOWN',
    'KEY_RETIRED',
    'SIGNATURE_INVALID',
    'SEQUENCE_FORK',
  ] as const),
  ...(['CHAIN_BROKEN', 'BATCH_TOO_LARGE', 'BATCH_MALFORMED', 'UNSUPPORTED', 'FORBIDDEN'] as const),
])

/** Whether the agent waits for somebody to act, asking again rarely, instead of trying again soon. */
export function needsSomebody(code: FaultCode): boolean {
  return FINAL.has(code)
}

/** Whether the key in force was replaced by one whose promotion this host has not finished. */
export function isRetiredKey(code: FaultCode): boolean {
  return code === 'KEY_RETIRED' || code === 'KEY_UNKNOWN'
}
