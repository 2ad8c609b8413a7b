import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import type { AgentState } from './ports.ts'

/** Why an agent in such a state may not deliver. `reason` is what the registry has of it. */
export function barredFault(state: Exclude<AgentState, 'active'>, reason = ''): Fault {
  const why = reason === '' ? '' : `: ${reason}`
  switch (state) {
    case 'revoked':
      return fail('AGENT_REVOKED', `this agent has been revoked${why}; enrol the host again`).fault
    case 'decommissioned':
      return fail('AGENT_DECOMMISSIONED', `this agent has ended its life${why}; enrol the host again`).fault
    case 'quarantined':
      return fail(
        'AGENT_QUARANTINED',
        `this agent is held apart${why}; look for a clone or a restored snapshot, then enrol each host again`,
      ).fault
    default:
      throw new Error(`not a state: ${JSON.stringify(state satisfies never)}`)
  }
}
