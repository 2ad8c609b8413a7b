import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { ok, fail } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { createAgent } from './agent.ts'
import type { AgentOptions } from './agent.ts'
import type { AgentConfig } from './config.ts'
import { startDelivery } from './courier.ts'
import type { Parcels } from './courier.ts'
import { decommission, decommissionRequest } from './grpc/enrolment.ts'
import { removeState } from './host/state-files.ts'
import type { Logger } from './ports.ts'
import { openState, targetOf } from './state.ts'

/** Fact of the spool: digest of the batch after which this agent is to end. */
const LAST = 'last-batch'
/** An agent that is dialled waits so long for a collector, milliseconds. */
const DIALLED_MS = 60_000
const ASK_MS = 200

/**
 * Ends this agent's life: a last look in a signed batch, its receipt, and the collector's word that no more is to come.
 * Then key, identity and spool are removed. Returns what to print. Safe to repeat wherever it broke off.
 * Faults: AGENT_UNKNOWN, DATA_DIRECTORY_LOCKED while the agent runs, UNAVAILABLE, and the collector's own.
 */
export async function decommissionHost(options: AgentOptions): Promise<Result<string>> {
  const { pullListen, stopTimeoutMs } = options.config
  const waitMs = pullListen === undefined ? stopTimeoutMs : Math.max(stopTimeoutMs, DIALLED_MS)
  const config = { ...options.config, stopTimeoutMs: waitMs }
  const { logger } = options
  const begun = await end(config, logger, 'what was marked')
  if (!begun.ok) return begun
  let agent = begun.value
  if (agent === undefined) {
    const last = createAgent({ ...options, config })
    await last.open()
    await last.stop()
    const ended = await end(config, logger, 'what is there')
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
  logger: Logger,
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
    const word = { identity: identity.value, digest, signer: signer.value, spool, logger }
    const ended =
      config.pullListen === undefined
        ? await decommission(targetOf(config), agentId, digest, signer.value)
        : await askWhoDials(config, word)
    return ended.ok ? ok(agentId.toHex()) : ended
  } finally {
    spool.close()
  }
}

/** What is told of the last batch, over the next connection that a collector makes. */
interface LastWord extends Pick<Parcels, 'identity' | 'spool' | 'logger'> {
  readonly digest: Uint8Array
  readonly signer: Signer
}

async function askWhoDials(
  config: AgentConfig,
  { digest, signer, ...parcels }: LastWord,
): Promise<Result<void>> {
  const sender = await startDelivery(config, {
    ...parcels,
    runId: randomBytes(16),
    signer: () => signer,
    followingSigner: () => undefined,
    promoteKey: () => false,
    onPolicy: () => undefined,
    wallMs: () => Date.now(),
  })
  if (!sender.ok) return sender
  const request = decommissionRequest(parcels.identity.agentId, digest, signer)
  const deadlineMs = performance.now() + DIALLED_MS
  let answer: Result<void> = fail('UNAVAILABLE', 'no collector is connected')
  while (!answer.ok && answer.fault.code === 'UNAVAILABLE' && performance.now() < deadlineMs) {
    answer = (await sender.value.ask?.({ case: 'decommission', value: request })) ?? answer
    if (!answer.ok) await setTimeout(ASK_MS)
  }
  await sender.value.stop()
  return answer
}
