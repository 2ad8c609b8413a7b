import { ok, fail } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { createAgent } from './agent.ts'
import type { AgentOptions } from './agent.ts'
import type { AgentConfig } from './config.ts'
import { decommission } from './grpc/enrolment.ts'
import { removeState } from './host/state-files.ts'
import { openState, targetOf } from './state.ts'

/** Fact of the spool: digest of the batch after which this agent is to end. */
const LAST = 'last-batch'

/**
 * Ends this agent's life: a last look in a signed batch, its receipt, and the collector's word that no more is to come.
 * Then key, identity and spool are removed. Returns what to print. Safe to repeat wherever it broke off.
 * Faults: AGENT_UNKNOWN, DATA_DIRECTORY_LOCKED while the agent runs, UNAVAILABLE, and the collector's own.
 */
export async function decommissionHost(options: AgentOptions): Promise<Result<string>> {
  const { config } = options
  const begun = await end(config, 'what was marked')
  if (!begun.ok) return begun
  let agent = begun.value
  if (agent === undefined) {
    const last = createAgent(options)
    await last.open()
    await last.stop()
    const ended = await end(config, 'what is there')
    if (!ended.ok) return ended
    agent = ended.value
  }
  if (agent === undefined)
    return fail('UNAVAILABLE', 'the last batches still wait for the collector; run this again')
  removeState(config.stateDir)
  return ok(`agent ${agent} is decommissioned\n`)
}

/**
 * Tells the collector that the batch last delivered was the last one. Undefined, without a word to it, where batches
 * wait, or where that batch was not marked as the last and is not to be.
 */
async function end(
  config: AgentConfig,
  last: 'what was marked' | 'what is there',
): Promise<Result<string | undefined>> {
  const opened = await openState(config, Date.now())
  if (!opened.ok) return opened
  const { spool, store } = opened.value
  try {
    const identity = store.identity()
    if (!identity.ok) return identity
    if (identity.value === undefined)
      return fail('AGENT_UNKNOWN', `no agent is enrolled in ${config.stateDir}`, {
        pointer: 'VOUCH_AGENT_STATE_DIR',
      })
    const { agentId } = identity.value
    const digest = spool.lastDigest()
    if (spool.usage().batches > 0) return ok(undefined)
    if (last === 'what is there') {
      const marked = spool.setMeta(LAST, digest)
      if (!marked.ok) return marked
    } else if (spool.meta(LAST)?.toHex() !== digest.toHex()) return ok(undefined)
    const signer = store.signer()
    if (!signer.ok) return signer
    const ended = await decommission(targetOf(config), agentId, digest, signer.value)
    return ended.ok ? ok(agentId.toHex()) : ended
  } finally {
    spool.close()
  }
}
