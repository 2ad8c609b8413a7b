import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { AgentConfig } from './config.ts'
import { rotate } from './grpc/enrolment.ts'
import { checkSources } from './sources.ts'
import { enrolOnce, openState, readToken, targetOf } from './state.ts'
import type { State } from './state.ts'

/** Checks what the settings name besides themselves. Returns what to print. */
export function checkConfig(config: AgentConfig): Result<string> {
  const checked = checkSources(config)
  return checked.ok ? ok('the configuration is valid\n') : checked
}

/** Enrols this host. Returns what to print; an agent that is enrolled already stays as it is. */
export function enrolHost(config: AgentConfig): Promise<Result<string>> {
  return withState(config, async (state) => {
    const known = state.store.identity()
    if (!known.ok) return known
    if (known.value !== undefined) return ok(`already enrolled as ${known.value.agentId.toHex()}\n`)
    const token = readToken(config.tokenFile)
    if (!token.ok) return token
    const identity = await enrolOnce(state, config, token.value)
    return identity.ok ? ok(`enrolled ${state.resource} as ${identity.value.agentId.toHex()}\n`) : identity
  })
}

/** Replaces the agent's key. The new one is on disk before the collector hears of it, so a crash loses neither. */
export function rotateKey(config: AgentConfig): Promise<Result<string>> {
  return withState(config, async ({ store }) => {
    const identity = store.identity()
    if (!identity.ok) return identity
    if (identity.value === undefined)
      return fail('AGENT_UNKNOWN', 'this agent is not enrolled; run vouch-agent enrol')
    const current = store.signer()
    if (!current.ok) return current
    const next = store.nextSigner()
    const rotated = await rotate(targetOf(config), identity.value.agentId, current.value, next)
    if (!rotated.ok) return rotated
    store.promote()
    return ok(`key ${next.keyId.toHex()} is in force\n`)
  })
}

async function withState(
  config: AgentConfig,
  body: (state: State) => Promise<Result<string>>,
): Promise<Result<string>> {
  const state = await openState(config, Date.now())
  if (!state.ok) return state
  try {
    return await body(state.value)
  } finally {
    state.value.spool.close()
  }
}
