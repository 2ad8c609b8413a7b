import { existsSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { keyId } from '@vouch/proto/seal/seal.ts'
import type { AgentConfig } from './config.ts'
import { rotate } from './grpc/enrolment.ts'
import { publicKeyIn } from './host/identity.ts'
import { writeSecret } from './host/secret-file.ts'
import { setStateAside } from './host/state-files.ts'
import { rotationRequest } from './key-tender.ts'
import { checkSources } from './sources.ts'
import { enrolOnce, readToken, targetOf, withState } from './state.ts'

/** How long a running agent may take for a rotation that it is asked for, and how often that is looked at. */
const ROTATION_TIMEOUT_MS = 60_000
const ROTATION_POLL_MS = 100

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

/**
 * Enrols this host as another agent: its copy elsewhere goes on without it, and what made the former agent is set
 * aside, not removed. Returns what to print. Faults: AGENT_UNKNOWN, DATA_DIRECTORY_LOCKED while the agent runs.
 */
export async function reEnrolHost(config: AgentConfig): Promise<Result<string>> {
  const token = readToken(config.tokenFile)
  if (!token.ok) return token
  let former: Uint8Array | undefined
  const looked = await withState(config, ({ store }) => {
    const identity = store.identity()
    if (identity.ok) former = identity.value?.agentId
    return identity.ok ? ok('') : identity
  })
  if (!looked.ok) return looked
  const aside = former === undefined ? undefined : setStateAside(config.stateDir, former)
  return withState(config, async (state) => {
    const identity = await enrolOnce(state, config, token.value)
    if (!identity.ok) return identity
    const kept = aside === undefined ? '' : `; the former agent is kept in ${aside}`
    return ok(`enrolled ${state.resource} as ${identity.value.agentId.toHex()}${kept}\n`)
  })
}

/**
 * Replaces the agent's key; a running agent is asked to do it. The new one is on disk before the collector hears of it,
 * so a crash loses neither.
 */
export async function rotateKey(config: AgentConfig): Promise<Result<string>> {
  if (config.pullListen !== undefined) return rotateThere(config)
  const rotated = await rotateHere(config)
  return rotated.ok || rotated.fault.code !== 'DATA_DIRECTORY_LOCKED' ? rotated : rotateThere(config)
}

/** Asks the agent that runs on the state directory. */
async function rotateThere({ stateDir }: AgentConfig): Promise<Result<string>> {
  const request = rotationRequest(stateDir)
  writeSecret(request, new Uint8Array())
  const sinceMs = Date.now()
  while (existsSync(request)) {
    if (Date.now() - sinceMs > ROTATION_TIMEOUT_MS)
      return fail(
        'UNAVAILABLE',
        'no agent has a new key yet; one that runs goes on trying, and its log says why',
      )
    await setTimeout(ROTATION_POLL_MS)
  }
  const key = publicKeyIn(stateDir)
  return key.ok ? ok(`key ${keyId(key.value).toHex()} is in force\n`) : key
}

function rotateHere(config: AgentConfig): Promise<Result<string>> {
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
