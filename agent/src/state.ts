import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fail, ok, throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { AgentConfig } from './config.ts'
import { backoffMs } from '@vouch/proto/kernel/backoff.ts'
import { needsSomebody } from './delivery/verdict.ts'
import type { Target } from './grpc/channel.ts'
import { enrol } from './grpc/enrolment.ts'
import { createHostFiles } from './host/host-files.ts'
import type { HostFiles } from './host/host-files.ts'
import { openIdentity } from './host/identity.ts'
import type { Identity, IdentityStore } from './host/identity.ts'
import { hostResource } from './host/machine-id.ts'
import type { Logger } from './ports.ts'
import { openSpool } from './spool/spool.ts'
import type { Spool } from './spool/spool.ts'
import { AGENT_VERSION } from './version.ts'

/** An agent's state directory, held by this process alone until the spool is closed. */
export interface State {
  readonly store: IdentityStore
  readonly spool: Spool
  readonly files: HostFiles
  /** Resource of the host. */
  readonly resource: string
}

/**
 * Takes the state directory. Faults: DATA_DIRECTORY_LOCKED, DATA_DIRECTORY_NEWER,
 * DATA_DIRECTORY_UNWRITABLE, DISK_FULL.
 */
export async function openState(config: AgentConfig, nowMs: number): Promise<Result<State>> {
  const store = openIdentity(config.stateDir)
  if (!store.ok) return store
  const limits = { bytesMax: config.spoolBytesMax, ageMaxMs: config.spoolAgeMaxMs }
  const spool = openSpool(join(config.stateDir, 'spool.sqlite'), limits, nowMs)
  if (!spool.ok) return spool
  const files = createHostFiles(config.root)
  const resource = config.resource ?? (await hostResource(files, config.stateDir))
  return ok({ store: store.value, spool: spool.value, files, resource })
}

/** Does something with the state directory, and lets go of it. Faults: as {@link openState}, and the work's own. */
export async function withState(
  config: AgentConfig,
  body: (state: State) => Result<string> | Promise<Result<string>>,
): Promise<Result<string>> {
  const state = await openState(config, Date.now())
  if (!state.ok) return state
  try {
    return await body(state.value)
  } finally {
    state.value.spool.close()
  }
}

/** How the configuration says to reach the collector. */
export function targetOf(config: AgentConfig): Target {
  return { address: config.collector, caFile: config.tlsCaFile, tls: config.tls === 'on' }
}

/** Spends the token and keeps the identity. Faults: the collector's own, UNAVAILABLE, CONFIG_INVALID, KEY_UNKNOWN. */
export async function enrolOnce(
  { resource, store }: State,
  config: AgentConfig,
  token: string,
): Promise<Result<Identity>> {
  const signer = store.signer()
  if (!signer.ok) return signer
  const about = { token, signer: signer.value, label: config.label, resource, agentVersion: AGENT_VERSION }
  const identity = await enrol(targetOf(config), about)
  if (identity.ok) store.keep(identity.value)
  return identity
}

/** Enrols, trying again for as long as the collector cannot be reached. Throws any other fault. */
export async function enrolPatiently(
  state: State,
  config: AgentConfig,
  logger: Logger,
  givenToken: string | undefined,
  signal: AbortSignal,
): Promise<Identity> {
  const token = givenToken ?? unwrap(readToken(config.tokenFile))
  for (let attempt = 0; ; attempt += 1) {
    const identity = await enrolOnce(state, config, token)
    if (identity.ok) {
      logger.info({ agent: identity.value.agentId.toHex() }, 'enrolled')
      return identity.value
    }
    const { code, message } = identity.fault
    if (needsSomebody(code) || code === 'CONFIG_INVALID') return unwrap(identity)
    if (signal.aborted) throwFault('UNAVAILABLE', 'stopped before the collector could be reached')
    logger.warn({ code }, `enrolment waits: ${message}`)
    const bounds = { baseMs: config.retryBaseMs, capMs: config.retryMaxMs }
    const pauseMs = backoffMs(attempt, Math.random(), bounds)
    await setTimeout(pauseMs, undefined, { signal }).catch(() => undefined)
  }
}

/**
 * Reads the token from a file or, for "-", standard input: an argument would show in the process
 * list. Faults: CONFIG_MISSING, CONFIG_INVALID.
 */
export function readToken(file: string | undefined): Result<string> {
  const pointer = 'VOUCH_AGENT_TOKEN_FILE'
  if (file === undefined) {
    const how = `set ${pointer} to a file with a token, or see vouch-agent enrol --request`
    return fail('CONFIG_MISSING', `this agent is not enrolled; ${how}`, { pointer })
  }
  try {
    return ok(readFileSync(file === '-' ? 0 : file, 'utf8').trim())
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return fail('CONFIG_INVALID', `the token cannot be read: ${why}`, { pointer })
  }
}
